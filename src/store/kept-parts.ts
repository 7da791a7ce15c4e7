import { rm, stat } from 'node:fs/promises'
import { GiB } from '../units.ts'

/** Beginnings of downloads are kept for clients that come back, but not for ever, nor without bound. */
export const maxKeptBytes = GiB
export const maxKeptMs = 7 * 24 * 3600 * 1000

/** The beginning of a download. */
export interface Part {
  readonly path: string
  readonly bytes: number
  readonly ageMs: number
}

/**
 * What downloads that broke off have left in `tmp/`. It counts as used, and goes before any NAR when
 * room is needed: nobody else has need of it.
 */
export class KeptParts {
  /** Oldest first. */
  readonly #parts = new Map<string, { readonly bytes: number; readonly since: number }>()
  readonly #going = new Map<string, Promise<void>>()
  #bytes = 0

  /** @param parts that are there already, the oldest first */
  constructor(parts: readonly Part[]) {
    for (const { path, bytes, ageMs } of parts) this.#add(path, bytes, performance.now() - ageMs)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes over what a download leaves. */
  async keep(path: string): Promise<void> {
    const stats = await stat(path).catch(() => undefined)
    if (!stats) return
    this.#add(path, stats.size, performance.now())
    await this.drop(this.#bytes - maxKeptBytes)
  }

  /** Hands it over to a download that goes on with it, or begins anew in its place. */
  async take(path: string): Promise<void> {
    this.#forget(path)
    await this.#going.get(path)
  }

  /** Deletes one that nobody can go on with. */
  async discard(path: string): Promise<void> {
    if (this.#parts.has(path)) await this.#delete(path)
  }

  /**
   * Deletes what is too old, and then the oldest, until so many bytes are free.
   *
   * @returns bytes it has freed
   */
  async drop(neededBytes: number): Promise<number> {
    let freed = 0
    for (const [path, { bytes, since }] of this.#parts) {
      if (freed >= neededBytes && performance.now() - since < maxKeptMs) break
      if (await this.#delete(path)) freed += bytes
    }
    return freed
  }

  /** @returns false when the disk does not let it: the next start tries again */
  async #delete(path: string): Promise<boolean> {
    this.#forget(path)
    const removed = rm(path, { force: true }).then(
      () => true,
      () => false,
    )
    const going = removed.then(() => void this.#going.delete(path))
    this.#going.set(path, going)
    await going
    return removed
  }

  #add(path: string, bytes: number, since: number): void {
    this.#forget(path)
    this.#parts.set(path, { bytes, since })
    this.#bytes += bytes
  }

  #forget(path: string): void {
    this.#bytes -= this.#parts.get(path)?.bytes ?? 0
    this.#parts.delete(path)
  }
}
