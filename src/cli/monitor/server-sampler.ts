import { messageOf } from '../../errors.ts'
import { fetchStatus } from '../status/fetch-status.ts'
import type { ShownStatus } from '../status/read-status.ts'
import type { ServerSample } from './sample.ts'
import { ratesBetween } from './server-rates.ts'

/** Reads a server's status again and again, and tells what happened in between. */
export class ServerSampler {
  readonly #url: URL
  #before: { readonly atMs: number; readonly status: ShownStatus } | undefined

  constructor(url: URL) {
    this.#url = url
  }

  /** Never fails: a server that does not answer is a fact too. */
  async sample(timeoutMs: number): Promise<ServerSample> {
    const url = this.#url.origin
    try {
      const { report: status } = await fetchStatus(this.#url, timeoutMs)
      const atMs = performance.now()
      const before = this.#before
      this.#before = { atMs, status }
      const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1000
      const rates = before && ratesBetween(before.status, status, seconds)
      return { url, status, ...(rates && { rates }) }
    } catch (error) {
      this.#before = undefined
      return { url, fault: messageOf(error) }
    }
  }
}
