import type { Machine } from '../../advice/machine.ts'
import { diskNames } from '../../advice/speeds.ts'
import { formatSize } from '../../units.ts'

/** A machine in a few words: "2 cores, 3.7 GiB of memory, hard disk of 457 GiB, 1 Gbit/s". */
export function describeMachine({ cpu, memory, disks, links }: Machine): string {
  const [disk] = disks
  const [link] = links
  const cores = `${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`
  const size = disk?.totalBytes === undefined ? '' : ` of ${formatSize(disk.totalBytes)}`
  const rate = link?.bitsPerSecond
  return [
    cores,
    `${formatSize(memory.totalBytes)} of memory`,
    ...(disk === undefined ? [] : [`${disk.kind ? diskNames[disk.kind] : 'disk'}${size}`]),
    ...(link?.kind === 'wifi' ? ['WiFi'] : []),
    ...(rate === undefined ? [] : [`${rate / 1e9} Gbit/s`]),
  ].join(', ')
}

/** The system as Nix calls it; undefined where the machine does not tell. */
export function platformOf({ cpu }: Machine): string | undefined {
  const names: Readonly<Record<string, string>> = {
    x64: 'x86_64-linux',
    arm64: 'aarch64-linux',
    ia32: 'i686-linux',
    arm: 'armv7l-linux',
    riscv64: 'riscv64-linux',
  }
  return names[cpu.architecture ?? '']
}
