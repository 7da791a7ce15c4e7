import {
  field,
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
} from './system-files.ts'

/** Memory that was moved out of the way, in bytes. */
export interface SwapReading {
  readonly totalBytes: number
  readonly usedBytes: number
  /** What is kept compressed in memory (zram): before and after, with its overhead. */
  readonly zram: { readonly storedBytes: number; readonly takenBytes: number } | undefined
}

/** @returns undefined where the system does not say, or has no swap */
export function readSwap(roots: SystemRoots = systemRoots): SwapReading | undefined {
  const meminfo = readSystemFile(roots.proc, 'meminfo')
  const total = field(meminfo, 'SwapTotal:')
  const free = field(meminfo, 'SwapFree:')
  if (!total || free === undefined) return undefined
  return { totalBytes: total * 1024, usedBytes: (total - free) * 1024, zram: readZram(roots) }
}

/** The kernel's mm_stat: original size, compressed size, memory taken, … (docs.kernel.org, zram). */
function readZram(roots: SystemRoots): SwapReading['zram'] {
  let [storedBytes, takenBytes] = [0, 0]
  for (const name of listSystemDirectory(roots.sys, 'block')) {
    if (!name.startsWith('zram')) continue
    const figures = readSystemFile(roots.sys, 'block', name, 'mm_stat')?.trim().split(/ +/) ?? []
    storedBytes += Number(figures[0] ?? 0)
    takenBytes += Number(figures[2] ?? 0)
  }
  return takenBytes === 0 ? undefined : { storedBytes, takenBytes }
}
