import { readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/** Room for memory that is moved out of the way, in bytes. */
export interface SwapSpace {
  /** compressed in memory: what it may hold before it is compressed */
  readonly zramBytes: number
  readonly diskBytes: number
}

/** Reads proc(5) swaps: "/dev/zram0  partition  1940476  0  100", sizes in KiB. */
export function readSwapSpace(roots: SystemRoots = systemRoots): SwapSpace {
  const text = readSystemFile(roots.proc, 'swaps') ?? ''
  let [zramBytes, diskBytes] = [0, 0]
  for (const [, file = '', kibibytes] of text.matchAll(/^(\/\S+)\s+\w+\s+(\d+)\s/gm)) {
    const bytes = Number(kibibytes) * 1024
    if (/\/zram\d+$/.test(file)) zramBytes += bytes
    else diskBytes += bytes
  }
  return { zramBytes, diskBytes }
}
