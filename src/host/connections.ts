import { readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/** TCP connections that are open now, seen from this machine. */
export interface ConnectionCount {
  readonly established: number
  /** Of these, by the port at our end. */
  readonly byPort: ReadonlyMap<number, number>
}

const establishedState = '01'

/** Reads proc(5) net/tcp and net/tcp6; undefined on systems without them. */
export function countConnections(roots: SystemRoots = systemRoots): ConnectionCount | undefined {
  const texts = ['net/tcp', 'net/tcp6'].map((file) => readSystemFile(roots.proc, file))
  if (texts.every((text) => text === undefined)) return undefined
  const byPort = new Map<number, number>()
  let established = 0
  for (const text of texts)
    for (const [, port = '', state] of (text ?? '').matchAll(
      /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm,
    )) {
      if (state !== establishedState) continue
      established += 1
      const number = Number.parseInt(port, 16)
      byPort.set(number, (byPort.get(number) ?? 0) + 1)
    }
  return { established, byPort }
}
