import { readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/** Shares of the last five minutes in which some task waited for it, 0 to 1. */
export interface Stalls {
  readonly cpu: number | undefined
  readonly memory: number | undefined
  readonly io: number | undefined
}

/** Reads Linux's pressure stall information (docs.kernel.org/accounting/psi.html). */
export function readStalls(roots: SystemRoots = systemRoots): Stalls {
  const someAvg300 = (what: string) => {
    const text = readSystemFile(roots.proc, 'pressure', what) ?? ''
    const percent = /^some .*\bavg300=(\d+(?:\.\d+)?)\b/m.exec(text)?.[1]
    return percent === undefined ? undefined : Math.min(1, Math.round(Number(percent) * 100) / 1e4)
  }
  return { cpu: someAvg300('cpu'), memory: someAvg300('memory'), io: someAvg300('io') }
}
