import { readdir } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What the process itself costs. */
export interface ProcessFigures {
  readonly residentBytes: number
  readonly cpuSeconds: number
  /** Undefined where the system does not say: outside Linux. */
  readonly openFiles: number | undefined
  /** The longest anything waited for the event loop since these figures were last asked for. */
  readonly longestDelaySeconds: number
}

/** How often the event loop is timed: rarely enough that an idle server stays idle. */
const resolutionMs = 100

/** Starts to time the event loop. */
export function watchProcess(): { read(): Promise<ProcessFigures>; stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  return {
    async read() {
      const { user, system } = process.cpuUsage()
      // The clock fires once a resolution when nothing is in its way.
      const longestMs = Math.max(0, delays.max / 1e6 - resolutionMs)
      delays.reset()
      return {
        residentBytes: process.memoryUsage.rss(),
        cpuSeconds: (user + system) / 1e6,
        openFiles: await readdir('/proc/self/fd').then(
          (names) => names.length,
          () => undefined,
        ),
        longestDelaySeconds: longestMs / 1000,
      }
    },
    stop: () => delays.disable(),
  }
}
