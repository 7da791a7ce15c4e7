import { readSystemFile, type SystemRoots, systemRoots } from './system-files.ts'

/** How hard the machine is pressed now; undefined where the kernel does not say. */
export interface PressureReading {
  /** share of the last 10 s in which a task waited for a CPU, 0 to 100 */
  readonly cpuPercent: number | undefined
  /** share of the last 10 s in which a task waited for memory, 0 to 100 */
  readonly memoryPercent: number | undefined
  /** tasks that ran or wanted to, on average over the last minute: also on kernels without pressure */
  readonly loadAverage: number | undefined
}

/** Reads Linux's pressure stall information (docs.kernel.org/accounting/psi.html) and load average. */
export function readPressure(roots: SystemRoots = systemRoots): PressureReading {
  return {
    cpuPercent: someAvg10(readSystemFile(roots.proc, 'pressure/cpu')),
    memoryPercent: someAvg10(readSystemFile(roots.proc, 'pressure/memory')),
    loadAverage: decimal(/^(\S+) /, readSystemFile(roots.proc, 'loadavg')),
  }
}

function someAvg10(text: string | undefined): number | undefined {
  return decimal(/^some avg10=(\S+)/m, text)
}

function decimal(pattern: RegExp, text: string | undefined): number | undefined {
  const found = pattern.exec(text ?? '')?.[1]
  return found !== undefined && /^\d+(\.\d+)?$/.test(found) ? Number(found) : undefined
}
