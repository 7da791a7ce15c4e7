import { formatHash } from '../nix/hash.ts'
import type { Disk } from './disk.ts'
import type { Download } from './download.ts'
import type { ForgivingIndex } from './forgiving-index.ts'
import type { Origin } from './origin.ts'
import { infoOf } from './record-info.ts'
import { asRepacked, type RepackedNar } from './repacked.ts'
import type { NarinfoRecord } from './sqlite-index.ts'
import type { Turns } from './turns.ts'

export interface ZstdFormsParts {
  readonly disk: Pick<Disk, 'holds' | 'narinfosOfFile' | 'publish' | 'putBeside' | 'remove'>
  readonly index: ForgivingIndex
  readonly origin: Origin
  readonly turns: Turns
}

interface Successor {
  readonly file: string
  readonly isOrigin: boolean
  readonly records: readonly NarinfoRecord[]
  readonly now: number
}

const dropAtOnce = 256
/** As long as clients remember narinfos. */
const pushedGraceMs = 30 * 24 * 3600 * 1000

/**
 * The zstd forms of stored NARs: which are still to be made, and how they take the place of the
 * originals. All of it is in the index, so a restart loses nothing.
 */
export class ZstdForms {
  readonly #parts: ZstdFormsParts

  constructor(parts: ZstdFormsParts) {
    this.#parts = parts
  }

  /** How many are still to be made. */
  get wanting(): number {
    return this.#parts.index.countToRepack()
  }

  /** The originals whose zstd form is wanted most: those read last. */
  wanted(limit: number): string[] {
    return this.#parts.index.narsToRepack(limit)
  }

  /** Lets an original be as it is: there is nothing to be made of it. */
  giveUp(original: string): void {
    this.#parts.index.leaveUnpacked(original)
  }

  /**
   * Publishes a zstd form, and lets the narinfos of the original lead to it. The original stays for a
   * while, for those who hold its URL.
   *
   * @param now milliseconds since 1970
   * @returns the narinfos as they are now
   * @throws the system's error
   */
  async publish(
    download: Download,
    nar: { readonly original: string; readonly narHash: string } & RepackedNar,
    now: number,
  ): Promise<NarinfoRecord[]> {
    const { disk, origin, turns } = this.#parts
    const { original, narHash } = nar
    return turns.take(original, async () => {
      const records = disk
        .narinfosOfFile(original)
        .filter((record) => narHashOf(record) === narHash)
        .map((record) => asRepacked(record, nar))
      // A path that was deleted meanwhile leaves nothing that is never evicted.
      const isOrigin = records.length > 0 && (await origin.markLike(nar.file, original))
      await disk.publish(download, nar, records, now)
      await this.#retire(original, { file: nar.file, isOrigin, records, now })
      return records
    })
  }

  /**
   * Lets narinfos lead to the zstd form of an original in `cache/` too, where the index says that
   * they do: what a crash has left undone.
   *
   * @param now milliseconds since 1970
   * @returns false when there is no such form here
   */
  async leadTo(original: string, now: number): Promise<boolean> {
    const { disk, index, origin, turns } = this.#parts
    return turns.take(original, async () => {
      const records = index
        .hashesOfOriginal(original)
        .map((hash) => index.narinfo(hash))
        .filter((record) => record !== undefined && disk.holds(record.file)) as NarinfoRecord[]
      const [first] = records
      if (!first || disk.narinfosOfFile(original).length > 0) return false
      const isOrigin = await origin.markLike(first.file, original)
      for (const record of records) await disk.putBeside(record)
      await this.#retire(original, { file: first.file, isOrigin, records, now })
      return true
    })
  }

  /** The zstd form has taken an original's place. */
  async #retire(original: string, { file, isOrigin, records, now }: Successor): Promise<void> {
    const { origin } = this.#parts
    if (isOrigin) {
      origin.noteMark(file)
      await origin.unmark(original)
    }
    // Nobody else can give those who hold its URL the original of what was pushed here.
    const isOurs = records.some(({ upstreamUrl }) => upstreamUrl === undefined)
    this.supersede(original, isOrigin && isOurs ? now + pushedGraceMs : now)
  }

  /** Notes that the zstd form of an original is here; `now` in milliseconds since 1970. */
  supersede(original: string, now: number): void {
    this.#parts.index.supersede(original, now)
  }

  /**
   * Takes a NAR out of `cache/` whose path has been deleted, unless another path has it. An original
   * of another path stays for those who hold its URL, as one that was superseded.
   *
   * @param now milliseconds since 1970
   */
  async removeUnpromised(file: string, now: number): Promise<void> {
    const { disk, index, origin } = this.#parts
    await disk.remove(file, async () => {
      if (index.hashesOfFile(file).length > 0) return false
      const others = index.hashesOfOriginal(file)
      if (others.length === 0) return true
      // The mark was for the path that is gone: the zstd form has its own.
      if (await origin.isMarked(file)) {
        await origin.unmark(file)
        const isOurs = others.some((hash) => index.entry(hash)?.upstreamUrl === undefined)
        this.supersede(file, isOurs ? now + pushedGraceMs : now)
      }
      return false
    })
  }

  /** Takes originals out of `cache/` whose zstd form has been handed out for `graceMs`. */
  async dropOriginals(graceMs: number, now: number): Promise<void> {
    const { disk, index, origin } = this.#parts
    for (const file of index.supersededNars(now - graceMs, dropAtOnce))
      await disk.remove(file, async () => {
        if (!this.#isPromised(file) && !(await origin.isMarked(file))) return true
        // Another path has come that has the same NAR.
        index.reinstate(file)
        return false
      })
  }

  /** True when a narinfo leads to this NAR that it was held against. */
  #isPromised(file: string): boolean {
    const { disk, index } = this.#parts
    const checked = index.nar(file)?.narHash
    return disk
      .narinfosOfFile(file)
      .some((record) => checked === undefined || narHashOf(record) === checked)
  }
}

function narHashOf(record: NarinfoRecord): string {
  return formatHash(infoOf(record).narHash)
}
