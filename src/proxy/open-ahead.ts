import type { Disk } from '../store/disk.ts'
import type { WholeNarReader } from '../store/nar-reader.ts'
import { KiB } from '../units.ts'

/** Of each NAR so many bytes are read ahead: most are whole with that. */
const firstBytes = 64 * KiB
/** Descriptors and buffers held for clients that may have left. */
const maxOpen = 32
/** A client that wants it asks for it sooner. */
const unaskedMs = 2_000

interface Ahead {
  readonly opening: Promise<WholeNarReader | undefined>
  readonly since: number
}

/**
 * NARs on the disk that some client will ask for next, opened and begun to be read while it is busy
 * with the one before: opening a file and reading it takes three trips to another thread, and on a
 * disk that must seek a hundred times as long.
 */
export class OpenAhead {
  readonly #disk: Pick<Disk, 'holds' | 'openNar'>
  readonly #now: () => number
  readonly #nars = new Map<string, Ahead>()

  /** @param now a clock that never jumps, in milliseconds */
  constructor(disk: Pick<Disk, 'holds' | 'openNar'>, now: () => number) {
    this.#disk = disk
    this.#now = now
  }

  /** Opens a file for whoever asks for it next; without effect where it is not on the disk. */
  begin(file: string): void {
    if (this.#nars.has(file) || this.#nars.size >= maxOpen || !this.#disk.holds(file)) return
    // What cannot be opened now is opened again for whoever asks, and fails for him.
    const opening = this.#openNow(file)
      .then((reader) => reader && begun(reader))
      .catch(() => undefined)
    this.#nars.set(file, { opening, since: this.#now() })
  }

  /**
   * Opens a file, which may have been done already.
   *
   * @returns undefined when it is not on the disk
   * @throws the system's error, as Disk.openNar does
   */
  async open(file: string): Promise<WholeNarReader | undefined> {
    const ahead = await this.#take(file)
    // It may have turned out damaged meanwhile.
    if (ahead && this.#disk.holds(file)) return ahead
    ahead?.close()
    return this.#openNow(file)
  }

  /** Closes a file that nobody shall be given any more: another comes in its place. */
  drop(file: string): void {
    void this.#take(file).then((reader) => reader?.close())
  }

  /** Closes what nobody has asked for in time. */
  expire(): void {
    for (const [file, { since }] of this.#nars)
      if (this.#now() - since >= unaskedMs) this.drop(file)
  }

  /** Closes all of them. */
  clear(): void {
    for (const file of [...this.#nars.keys()]) this.drop(file)
  }

  #openNow(file: string): Promise<WholeNarReader | undefined> {
    return this.#disk.openNar(file, Date.now())
  }

  async #take(file: string): Promise<WholeNarReader | undefined> {
    const ahead = this.#nars.get(file)
    this.#nars.delete(file)
    return ahead?.opening
  }
}

/** The same reader, with its first bytes in memory. */
async function begun(reader: WholeNarReader): Promise<WholeNarReader> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(firstBytes, reader.size))
  try {
    const first = buffer.subarray(0, await reader.read(buffer, 0))
    return {
      size: reader.size,
      async read(into, position) {
        if (position >= first.length) return reader.read(into, position)
        return first.copy(into, 0, position)
      },
      close: () => reader.close(),
      isAt: async (path) => (await reader.isAt?.(path)) ?? false,
    }
  } catch (error) {
    reader.close()
    throw error
  }
}
