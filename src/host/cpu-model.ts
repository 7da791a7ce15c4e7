import { readSystemFile, type SystemRoots } from './system-files.ts'

/** ARM's own cores by part number (implementer 0x41), as the kernel's cputype.h lists them. */
const armParts: Readonly<Record<string, string>> = {
  '0xd03': 'Cortex-A53',
  '0xd04': 'Cortex-A35',
  '0xd05': 'Cortex-A55',
  '0xd07': 'Cortex-A57',
  '0xd08': 'Cortex-A72',
  '0xd09': 'Cortex-A73',
  '0xd0a': 'Cortex-A75',
  '0xd0b': 'Cortex-A76',
  '0xd0c': 'Neoverse-N1',
  '0xd0d': 'Cortex-A77',
  '0xd40': 'Neoverse-V1',
  '0xd41': 'Cortex-A78',
  '0xd46': 'Cortex-A510',
  '0xd49': 'Neoverse-N2',
  '0xd4f': 'Neoverse-V2',
}

/**
 * The processor's name. x86 writes it into cpuinfo; ARM gives numbers, of which the most capable
 * core's counts, and a device tree names the board.
 */
export function cpuModel(cpuinfo: string, roots: SystemRoots): string | undefined {
  const named = /^(?:model name|cpu model|uarch)\s*:\s*(\S.*)$/m.exec(cpuinfo)?.[1]
  if (named !== undefined) return named.trim().replace(/\s+/g, ' ')
  const parts = [...cpuinfo.matchAll(/^CPU part\s*:\s*(0x[0-9a-f]+)$/gim)].map(([, part = '']) =>
    part.toLowerCase(),
  )
  const isArms = /^CPU implementer\s*:\s*0x41$/im.test(cpuinfo)
  const largest = isArms ? parts.sort().at(-1) : undefined
  const core = largest === undefined ? undefined : armParts[largest]
  const board = readSystemFile(roots.sys, 'firmware/devicetree/base/model')?.replaceAll('\0', '')
  return [core, board?.trim()].filter(Boolean).join(', ') || undefined
}
