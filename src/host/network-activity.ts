import { readSystemFile, type SystemRoots, systemRoots, wholeNumber } from './system-files.ts'

/** What a network interface has carried since it came up. */
export interface InterfaceReading {
  readonly name: string
  readonly receivedBytes: number
  readonly sentBytes: number
  /** What it has negotiated; undefined for wireless and virtual ones. */
  readonly speedMbits: number | undefined
}

/** Reads proc(5) net/dev, less the interfaces that have never carried anything. */
export function readInterfaces(roots: SystemRoots = systemRoots): InterfaceReading[] {
  const text = readSystemFile(roots.proc, 'net/dev') ?? ''
  return [...text.matchAll(/^ *([^\s:]+): *(.*)$/gm)].flatMap(([, name = '', rest = '']) => {
    const figures = rest.trim().split(/ +/).map(Number)
    const [receivedBytes = 0] = figures
    const sentBytes = figures[8] ?? 0
    if (receivedBytes + sentBytes === 0) return []
    const speed = wholeNumber(readSystemFile(roots.sys, 'class/net', name, 'speed'))
    return [{ name, receivedBytes, sentBytes, speedMbits: speed || undefined }]
  })
}
