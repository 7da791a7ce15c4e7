import type { Config } from '../config/config.ts'
import { type Foundation, openParts, type Parts } from './parts.ts'
import type { Traffic } from './traffic.ts'

/** Holds the parts in use, and those of earlier configurations until nothing runs on them any more. */
export class CurrentParts {
  readonly #foundation: Foundation
  readonly #traffic: Traffic
  readonly #retiring = new Set<Parts>()
  #parts: Parts

  private constructor(parts: Parts, foundation: Foundation, traffic: Traffic) {
    this.#parts = parts
    this.#foundation = foundation
    this.#traffic = traffic
  }

  /** @throws AppError SECRET_UNREADABLE */
  static async open(
    config: Config,
    foundation: Foundation,
    traffic: Traffic,
  ): Promise<CurrentParts> {
    return new CurrentParts(await openParts(config, foundation), foundation, traffic)
  }

  /** What a request that begins now is answered with. */
  get(): Parts {
    return this.#parts
  }

  /**
   * Lets requests from now on be answered by another configuration.
   *
   * @throws AppError SECRET_UNREADABLE; then nothing has changed
   */
  async change(config: Config): Promise<void> {
    const old = this.#parts
    this.#parts = await openParts(config, this.#foundation, old)
    this.#retiring.add(old)
    void this.#retire(old)
  }

  /** Closes all of them; the signal of the foundation has ended what ran. */
  async close(): Promise<void> {
    await this.#parts.recompression.settled()
    await this.#parts.nars.close()
    await Promise.all([this.#parts, ...this.#retiring].map(closeUpstreams))
  }

  async #retire(old: Parts): Promise<void> {
    await this.#traffic.settled()
    await old.nars.settled()
    this.#retiring.delete(old)
    await closeUpstreams(old)
  }
}

async function closeUpstreams({ upstreams }: Parts): Promise<void> {
  await Promise.all(upstreams.map(({ source }) => source.close()))
}
