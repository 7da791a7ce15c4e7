import { LRUCache } from 'lru-cache'

/** Files that are counted: those asked for most recently. */
const maxFiles = 2_000

export interface PopularFile {
  readonly file: string
  readonly requests: number
}

/** Counts which NARs clients ask for, since the server started; what nobody asks for again is forgotten. */
export class PopularFiles {
  readonly #requests = new LRUCache<string, number>({ max: maxFiles })

  note(file: string): void {
    this.#requests.set(file, (this.#requests.get(file) ?? 0) + 1)
  }

  /** Asked for most often first. */
  top(count: number): PopularFile[] {
    return [...this.#requests.entries()]
      .sort(([, a], [, b]) => b - a)
      .slice(0, count)
      .map(([file, requests]) => ({ file, requests }))
  }
}
