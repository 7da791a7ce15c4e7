import { createHash, type Hash as Hasher } from 'node:crypto'
import type { NarCheck, NarChecker, NarVerdict } from '../codec/nar-check.ts'
import { AppError, isAppError } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import type { Download } from '../store/download.ts'
import { MiB } from '../units.ts'
import type { NarPlan } from './nar-plan.ts'
import type { NarRun } from './nar-run.ts'
import type { Quarantine } from './quarantine.ts'

export interface IntakeTools {
  readonly checker: NarChecker
  readonly quarantine: Quarantine
  readonly run: Pick<NarRun, 'isAhead'>
  /** True when nothing else is fetched now. */
  readonly isAlone: () => boolean
  /** Told that an upstream has a file of another length than the narinfo says. */
  readonly onOtherSize?: () => void
}

const rehashBytes = MiB
/** The first of a crowd is alone for a moment: unpacking waits until no crowd has come. */
const crowdMs = 60

/** A NAR that is all there, and what is known of it. */
export interface FilledNar {
  readonly fileHash: Hash
  /** False where only the hash of the file is known to be right so far. */
  readonly isNarHashRight: boolean
  /** The verdict on the NarHash, where it takes longer than a client should wait. */
  readonly late: LateVerdict | undefined
}

export interface LateVerdict {
  /** The upstream that sent it. */
  readonly from: string
  /** The one it was held against. */
  readonly narHash: string
  readonly verdict: Promise<NarVerdict>
  readonly cancel: () => void
}

const maxWaitMs = 1_000

/** The bytes received so far and what has been computed over them. */
export class NarIntake {
  readonly #plan: NarPlan
  readonly #download: Download
  readonly #checker: NarChecker
  readonly #quarantine: Quarantine
  readonly #run: Pick<NarRun, 'isAhead'>
  readonly #isAlone: () => boolean
  readonly #onOtherSize: (() => void) | undefined
  #hasher: Hasher = createHash('sha256')
  #check: NarCheck | undefined
  #beganAt = performance.now()
  #lastProgress = performance.now()

  constructor(plan: NarPlan, download: Download, tools: IntakeTools) {
    this.#plan = plan
    this.#download = download
    this.#checker = tools.checker
    this.#quarantine = tools.quarantine
    this.#run = tools.run
    this.#isAlone = tools.isAlone
    this.#onOtherSize = tools.onOtherSize
    this.#begin()
  }

  get received(): number {
    return this.#download.written
  }

  /** True when all bytes are there, right or wrong. */
  get isComplete(): boolean {
    return this.received > 0 && this.received === this.#download.size
  }

  /** When bytes last came in, by performance.now(). */
  get lastProgress(): number {
    return this.#lastProgress
  }

  /** Takes in what an earlier download left in the file. */
  async readKept(): Promise<void> {
    const chunk = Buffer.allocUnsafe(rehashBytes)
    let position = 0
    while (position < this.received) {
      const bytes = await this.#download.readBack(chunk, position)
      if (bytes === 0) break
      this.#hasher.update(chunk.subarray(0, bytes))
      position += bytes
    }
    if (position > 0) this.#check?.available(position)
  }

  expect(size: number | undefined, name: string): void {
    const known = this.#plan.size
    if (size === undefined) return
    if (known !== undefined && size !== known) {
      this.#onOtherSize?.()
      throw new AppError(
        'UPSTREAM_MALFORMED',
        `${name} offers ${size} bytes where its narinfo says ${known}`,
      )
    }
    const announced = this.#download.size
    // Clients were told the other length with their first bytes: they would take a part for the whole.
    if (announced !== undefined && size !== announced && this.received > 0)
      throw new AppError(
        'CORRUPT',
        `${name} offers ${size} bytes where ${announced} were announced`,
      )
    this.#download.expect(size)
  }

  async take(chunk: Uint8Array, name: string): Promise<void> {
    const size = this.#download.size
    if (size !== undefined && this.received + chunk.length > size)
      throw new AppError('CORRUPT', `${name} sent more than the ${size} bytes announced`)
    this.#hasher.update(chunk)
    await this.#download.append(chunk)
    this.#lastProgress = performance.now()
    if (this.#lastProgress - this.#beganAt > crowdMs) this.#checkIfIdle()
    if (!this.#download.isOnDisk) {
      // What came while nobody waited for it stands in the file.
      this.#check?.available(this.received - chunk.length)
      await this.#check?.feed(chunk)
    }
    // What pauses for clients must not hold a decoder they need: it is checked when it is whole.
    else if (!this.#run.isAhead) this.#check?.available(this.received)
  }

  requireWhole(name: string): void {
    const size = this.#download.size
    if (size !== undefined && this.received < size)
      throw new AppError('UPSTREAM_CUT_SHORT', `${name} sent ${this.received} of ${size} bytes`)
  }

  /**
   * Where the hash of the file is right, the NarHash is waited for only a moment: clients check it
   * themselves, and unpacking takes far longer than the line.
   *
   * @throws AppError CORRUPT when a hash is wrong
   */
  async requireRight(name: string): Promise<FilledNar> {
    const { fileHash, file } = this.#plan
    const seen: Hash = { algorithm: 'sha256', digest: this.#hasher.digest() }
    if (fileHash && formatHash(seen) !== formatHash(fileHash))
      throw new AppError(
        'CORRUPT',
        `${name} sent nar/${file.name} with hash ${formatHash(seen)} instead of ${formatHash(fileHash)}`,
      )
    const filled = { fileHash: seen, isNarHashRight: this.#isNarItself, late: undefined }
    this.#checkIfIdle()
    const check = this.#check
    const { nar } = this.#plan
    if (!check || !nar) return filled
    const finished = check.finish(this.received)
    const verdict = await (fileHash ? within(maxWaitMs, finished.catch(asUnsure)) : finished)
    // It says nothing about the file, whose own hash is right: that is unpacked another time.
    if (verdict === 'unsure') return filled
    if (!verdict) {
      // It goes on by itself.
      this.#check = undefined
      const narHash = formatHash(nar.hash)
      const late = { from: name, narHash, verdict: finished, cancel: () => check.cancel() }
      return { ...filled, late }
    }
    if (!verdict.ok)
      throw new AppError('CORRUPT', `${name} sent nar/${file.name} wrong: ${verdict.reason}`)
    return { ...filled, isNarHashRight: true }
  }

  /** Forgets the bytes so far: they are wrong, or the next upstream's may differ from them. */
  async startOver(): Promise<void> {
    if (this.received === 0) return
    if (this.#download.hasDelivered) this.#quarantine.taint(this.#plan.file.name)
    this.end()
    await this.#download.restart(this.#plan.size)
    this.#begin()
  }

  end(): void {
    this.#check?.cancel()
    this.#check = undefined
  }

  #begin(): void {
    const { nar, compression, fileHash, file } = this.#plan
    this.#hasher = createHash('sha256')
    this.#beganAt = performance.now()
    if (fileHash) return
    if (!nar || !this.#checker.canCheck(compression))
      throw new AppError('UNVERIFIABLE', `nothing to check nar/${file.name} against`)
    this.#beginCheck(nar)
  }

  /** With the hash of the file to go by, unpacking must take nothing from clients that fetch more. */
  #checkIfIdle(): void {
    const { nar, compression } = this.#plan
    if (this.#check || !nar || this.#isNarItself || !this.#checker.canCheck(compression)) return
    const isIdle = this.#isAlone() && !this.#run.isAhead && this.#checker.load === 0
    // What has passed through memory cannot be read again.
    if (isIdle && this.#download.isOnDisk) this.#beginCheck(nar)
  }

  #beginCheck({ hash: narHash, size: narSize }: NonNullable<NarPlan['nar']>): void {
    const { compression } = this.#plan
    this.#check = this.#checker.check({ path: this.#download.path, compression, narHash, narSize })
  }

  /** True when the hash of the file is the NarHash: it is not compressed. */
  get #isNarItself(): boolean {
    const { nar, compression, fileHash, size } = this.#plan
    if (!nar || !fileHash || compression !== 'none') return false
    return size === nar.size && formatHash(fileHash) === formatHash(nar.hash)
  }
}

/** What became of a check that came to no verdict. */
function asUnsure(error: unknown): 'unsure' {
  if (isAppError(error, 'CHECK_FAILED', 'DISK')) return 'unsure'
  throw error
}

/** @returns undefined when it takes longer */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const patience = Promise.withResolvers<undefined>()
  const timer = setTimeout(patience.resolve, ms, undefined)
  try {
    return await Promise.race([work, patience.promise])
  } finally {
    clearTimeout(timer)
  }
}
