import type { ServerResponse } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { eventHeaders } from './headers.ts'
import { eventText, heartbeat, Listeners } from './listeners.ts'
import { LiveReports } from './live-report.ts'
import { PopularFiles } from './popular-files.ts'
import type { RecentErrors } from './recent-errors.ts'
import type { StatusSources } from './status-report.ts'
import { sampleEveryMs, TrafficSampler, totalsOf } from './traffic-sampler.ts'

/** Browsers that may look at the same time; each costs a socket and a copy of each event. */
export const maxListeners = 50
/** How long a browser waits before it comes again. */
const retryMs = 2_000
/** The delays that count are those of the last minute or two. */
const delayWindowMs = 60_000
const delayResolutionMs = 100
const delayPercentile = 99

/** Watches the server second by second, and tells those who listen; makes nothing while nobody does. */
export class Live {
  readonly popular = new PopularFiles()
  readonly #errors: RecentErrors
  readonly #sampler: TrafficSampler
  readonly #listeners = new Listeners(maxListeners)
  readonly #reports = new LiveReports()
  readonly #delays = monitorEventLoopDelay({ resolution: delayResolutionMs })
  #delayMs = 0
  #delayWindowAt = performance.now()
  #sources: StatusSources
  #isMaking = false

  /** @param signal ends it with the server */
  constructor(sources: StatusSources, errors: RecentErrors, signal: AbortSignal) {
    this.#sources = sources
    this.#errors = errors
    this.#sampler = new TrafficSampler(totalsOf(sources.telemetry), performance.now())
    this.#delays.enable()
    const timer = setInterval(() => void this.#tick(), sampleEveryMs).unref()
    signal.addEventListener('abort', () => {
      clearInterval(timer)
      this.#delays.disable()
      this.#listeners.close()
    })
  }

  /** Goes over to another configuration. */
  use(sources: StatusSources): void {
    this.#sources = sources
  }

  get listeners(): number {
    return this.#listeners.count
  }

  /**
   * Lets a browser listen from now on: first to the last hour, then to a report every second.
   *
   * @returns false when too many do; nothing has been sent then
   */
  join(response: ServerResponse): boolean {
    if (this.#listeners.isFull) return false
    response.writeHead(200, eventHeaders())
    if (response.req.method === 'HEAD') {
      response.end()
      return true
    }
    const history = eventText('history', this.#sampler.history.read())
    this.#listeners.add(response, `retry: ${retryMs}\n\n${history}`)
    void this.#tell()
    return true
  }

  async #tick(): Promise<void> {
    const now = performance.now()
    this.#sampler.sample(totalsOf(this.#sources.telemetry), now, Date.now())
    if (now - this.#delayWindowAt > delayWindowMs) {
      this.#delayMs = this.#delays.percentile(delayPercentile) / 1e6
      this.#delays.reset()
      this.#delayWindowAt = now
    }
    if (this.#listeners.count === 0) return
    // An answer that never ends would hold up a stop; the browser finds the next server by itself.
    if (this.#sources.isStopping()) this.#listeners.close()
    else await this.#tell()
  }

  async #tell(): Promise<void> {
    // A disk that hangs must not pile up reports.
    if (this.#isMaking) return
    this.#isMaking = true
    try {
      const report = await this.#reports.make({
        status: this.#sources,
        sampler: this.#sampler,
        popular: this.popular,
        errors: this.#errors,
        loopDelaySeconds: () => this.#loopDelaySeconds(),
      })
      this.#listeners.send(eventText('report', report))
    } catch {
      this.#listeners.send(heartbeat)
    } finally {
      this.#isMaking = false
    }
  }

  #loopDelaySeconds(): number {
    const delayMs = Math.max(this.#delayMs, this.#delays.percentile(delayPercentile) / 1e6)
    // The clock fires once a resolution when nothing is in its way.
    return Math.max(0, delayMs - delayResolutionMs) / 1000
  }
}
