import { AppError, isAppError } from '../errors.ts'
import type { NarReader } from '../store/nar-reader.ts'

export interface Mending {
  /** True when every copy of the file has the same bytes, so that the rest of another one fits. */
  readonly isSameEverywhere: boolean
  /**
   * Gives up the file on the disk that is being read.
   *
   * @param what is wrong with it
   * @returns false when another has its name by now, which stays
   */
  readonly giveUp: (what: string, reader: NarReader) => Promise<boolean>
  /**
   * Opens the NAR anew.
   *
   * @param isGivenUp true when there can be none on the disk
   * @returns undefined when it is certainly absent
   */
  readonly reopen: (isGivenUp: boolean) => Promise<NarReader | undefined>
}

/** Each time the file is fetched from its beginning. */
const maxMends = 3

/**
 * Reads a NAR, and goes on with another copy of it where this one cannot give what it should, or has
 * moved on without this reader: the client that asked never learns of it.
 */
export function mendingReader(first: NarReader, mending: Mending): NarReader {
  let current = first
  let mends = 0
  let hasHadBytes = false
  let closed = false

  async function mend(what: string | undefined): Promise<void> {
    if (mends >= maxMends || (hasHadBytes && !mending.isSameEverywhere))
      throw new AppError('DISK', `a NAR being sent ${what ?? 'went on without this reader'}`)
    mends += 1
    const isGivenUp = what !== undefined && (await mending.giveUp(what, current))
    current.close()
    const fresh = await mending.reopen(isGivenUp)
    if (!fresh) throw new AppError('NAR_GONE', 'no upstream has the rest of a NAR being sent')
    current = fresh
    if (closed) fresh.close()
  }

  return {
    get size() {
      return current.size ?? first.size
    },
    async read(buffer, position) {
      for (;;) {
        const what = await tryRead(buffer, position)
        if (typeof what === 'number') {
          hasHadBytes ||= what > 0
          return what
        }
        await mend(what)
      }
    },
    close() {
      closed = true
      current.close()
    },
    isAt: async (path) => (await current.isAt?.(path)) ?? false,
  }

  /** @returns bytes read, or what is wrong with the file, or undefined when it has moved on */
  async function tryRead(buffer: Buffer, position: number): Promise<number | string | undefined> {
    try {
      const { size } = current
      const bytes = await current.read(buffer, position)
      if (bytes > 0 || size === undefined || position >= size) return bytes
      return `ends at byte ${position} of ${size}`
    } catch (error) {
      if (isAppError(error, 'PASSED_ON')) return undefined
      if (closed || isAppError(error)) throw error
      return `cannot be read (${error instanceof Error ? error.message : error})`
    }
  }
}
