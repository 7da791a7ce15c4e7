import { rmSync } from 'node:fs'
import { messageOf } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import type { Log } from '../telemetry.ts'
import { syncFile } from './durable.ts'
import {
  isLostIndex,
  type NarAge,
  type NarinfoRecord,
  type NarRecord,
  SqliteIndex,
} from './sqlite-index.ts'

const complainEveryMs = 60_000

/**
 * The index, which no request may fail for: everything in it can be found again. What it cannot
 * answer it does not know; what it cannot write it forgets. A broken one is replaced by a new one.
 */
export class ForgivingIndex {
  readonly #path: string
  readonly #log: Log
  #index: SqliteIndex | undefined
  #isInStep: boolean
  #isFilling = false
  #complainedAt = Number.NEGATIVE_INFINITY

  private constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
    this.#index = this.#open()
    this.#isInStep = this.fact(inStep) !== undefined
    // Durably, so that a power cut cannot bring back a claim that is no longer true.
    if (this.#isInStep) this.#try((index) => index.deleteFact(inStep))
  }

  static open(path: string, log: Log): ForgivingIndex {
    return new ForgivingIndex(path, log)
  }

  /**
   * False when the index may not say what `cache/` holds: it is new, the last process did not end
   * well, or something could not be written.
   */
  get isInStep(): boolean {
    return this.#isInStep
  }

  /**
   * To be called before `cache/` is read into the index.
   *
   * @returns false when there is no index to read it into; to be tried again later
   */
  beginRebuild(): boolean {
    this.#index ??= this.#open()
    if (!this.#index) return false
    this.#isInStep = true
    this.#isFilling = this.#try((index) => index.beginFilling()) ?? false
    return true
  }

  /** To be called when `cache/` was read into the index, wholly or not. */
  async endRebuild(): Promise<void> {
    if (!this.#isFilling) return
    // Most of it here, where it holds up no request.
    await syncFile(this.#path).catch(() => undefined)
    if (this.#isFilling) this.#try((index) => index.endFilling())
    this.#isFilling = false
  }

  narinfo(hash: StoreHash): NarinfoRecord | undefined {
    return this.#try((index) => index.narinfo(hash))
  }

  narinfosOfFile(file: string): NarinfoRecord[] {
    return this.#try((index) => index.narinfosOfFile(file)) ?? []
  }

  putNarinfo(record: NarinfoRecord): void {
    this.#try((index) => index.putNarinfo(record))
  }

  addNarinfo(record: NarinfoRecord): void {
    this.#try((index) => index.addNarinfo(record))
  }

  deleteNarinfo(hash: StoreHash): void {
    this.#try((index) => index.deleteNarinfo(hash))
  }

  nar(file: string): NarRecord | undefined {
    return this.#try((index) => index.nar(file))
  }

  putNar(record: NarRecord, readAt: number): void {
    this.#try((index) => index.putNar(record, readAt))
  }

  confirmNar(file: string, narHash: string): void {
    this.#try((index) => index.confirmNar(file, narHash))
  }

  deleteNar(file: string): void {
    this.#try((index) => index.deleteNar(file))
  }

  touch(readAt: ReadonlyMap<string, number>): void {
    this.#try((index) => index.touch(readAt))
  }

  narsByAge(after: NarAge | undefined, limit: number): NarAge[] {
    return this.#try((index) => index.narsByAge(after, limit)) ?? []
  }

  narsByName(after: string, limit: number): string[] {
    return this.#try((index) => index.narsByName(after, limit)) ?? []
  }

  newestRead(): number {
    return this.#try((index) => index.newestRead()) ?? 0
  }

  totalBytes(): number {
    return this.#try((index) => index.totalBytes()) ?? 0
  }

  fact(name: string): string | undefined {
    return this.#try((index) => index.fact(name))
  }

  /** Does `work` as one step; when that fails, a later rebuild makes up for it. */
  transaction(work: () => void): void {
    this.#try((index) => index.transaction(work))
  }

  /** @param isComplete whether all of `cache/` was read into it */
  close(isComplete: boolean): void {
    if (isComplete && this.#isInStep) this.#try((index) => index.putFact(inStep, 'yes'))
    this.#try((index) => index.close())
    this.#index = undefined
  }

  #try<T>(work: (index: SqliteIndex) => T): T | undefined {
    const index = this.#index
    if (!index) return undefined
    try {
      return work(index)
    } catch (error) {
      this.#isInStep = false
      const isLost = isLostIndex(error)
      this.#complain(isLost ? 'is lost and will be rebuilt' : 'cannot be used now', error)
      if (isLost && this.#index === index) this.#replace(index)
      return undefined
    }
  }

  #replace(broken: SqliteIndex): void {
    this.#index = undefined
    this.#isFilling = false
    try {
      broken.close()
    } catch {
      // What is thrown away need not be closed well.
    }
    this.#index = this.#open()
  }

  #open(): SqliteIndex | undefined {
    try {
      return openOrRenew(this.#path)
    } catch (error) {
      this.#complain('cannot be opened; narwhal goes on without it', error)
      return undefined
    }
  }

  #complain(what: string, error: unknown): void {
    const now = performance.now()
    if (now - this.#complainedAt < complainEveryMs) return
    this.#complainedAt = now
    this.#log.warn({ code: 'INDEX_LOST' }, `the index ${what}: ${messageOf(error)}`)
  }
}

/** Set while nothing uses the index, when all of `cache/` is in it and nothing else. */
const inStep = 'in step with cache/'

function openOrRenew(path: string): SqliteIndex {
  try {
    return SqliteIndex.open(path)
  } catch (error) {
    if (!isLostIndex(error)) throw error
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
    return SqliteIndex.open(path)
  }
}
