import { createHash, type Hash as Hasher } from 'node:crypto'
import type { NarCheck, NarChecker } from '../codec/nar-check.ts'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import type { Download } from '../store/download.ts'
import type { Log } from '../telemetry.ts'
import type { NarOffer, NarPlan } from './nar-plan.ts'
import type { Quarantine } from './quarantine.ts'

/** How often one upstream may break off, with bytes gained each time, before another is asked. */
const maxResumes = 5

/** Faults after which the bytes received so far are still as good as they were. */
const resumable = [
  'UPSTREAM_CUT_SHORT',
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_STATUS',
  'UPSTREAM_MALFORMED',
] as const

export interface FillTools {
  readonly checker: NarChecker
  readonly quarantine: Quarantine
  readonly log: Log
  readonly signal: AbortSignal
}

/**
 * Fetches one NAR into its download from whoever has it, resumes where one breaks off, and vouches
 * for it once every hash is right.
 *
 * @returns the hash of the file
 * @throws AppError NAR_GONE when every upstream says it has none; else the last fault met
 */
export async function fillNar(
  plan: NarPlan,
  offers: AsyncIterable<NarOffer>,
  download: Download,
  tools: FillTools,
): Promise<Hash> {
  const { quarantine, log, signal } = tools
  const file = plan.file.name
  let fault: AppError | undefined
  const attempt = new Attempt(plan, download, tools)
  try {
    for await (const offer of offers) {
      const name = offer.upstream.source.name
      if (quarantine.has(name, file)) {
        fault ??= new AppError('CORRUPT', `${name} sent nar/${file} damaged a moment ago`)
        continue
      }
      if (!plan.fileHash) await attempt.startOver()
      try {
        const fileHash = await takeOffer(offer, attempt, tools)
        if (!fileHash) continue
        download.vouch()
        return fileHash
      } catch (error) {
        if (signal.aborted) throw error
        fault = asFault(error)
        log.warn({ code: fault.code, upstream: name, file }, fault.message)
        if (isAppError(fault, 'CORRUPT')) quarantine.add(name, file)
        if (!isAppError(fault, ...resumable)) await attempt.startOver()
      }
    }
  } finally {
    attempt.end()
  }
  throw fault ?? new AppError('NAR_GONE', `no upstream has nar/${file} any more`)
}

/**
 * Fetches the file, or what is missing of it, and holds it against its hashes. When bytes of several
 * upstreams together are wrong, nobody knows whose: this one gets to prove itself alone.
 *
 * @returns the hash of the file; undefined when this upstream does not have it
 */
async function takeOffer(
  offer: NarOffer,
  attempt: Attempt,
  tools: FillTools,
): Promise<Hash | undefined> {
  for (;;) {
    const isShared = attempt.received > 0
    try {
      if (!(await fetchAll(offer, attempt, tools))) return undefined
      return await attempt.requireRight(offer.upstream.source.name)
    } catch (error) {
      if (!isShared || !isAppError(error, 'CORRUPT')) throw error
      await attempt.startOver()
    }
  }
}

/** @returns false when this upstream does not have the file */
async function fetchAll(offer: NarOffer, attempt: Attempt, tools: FillTools): Promise<boolean> {
  const { source } = offer.upstream
  for (let resumes = 0; ; resumes += 1) {
    const from = attempt.received
    try {
      const body = await source.nar({ url: offer.url, offset: from }, tools.signal)
      if (!body) return false
      attempt.expect(body.size, source.name)
      for await (const chunk of body.chunks) await attempt.take(chunk, source.name)
      attempt.requireWhole(source.name)
      return true
    } catch (error) {
      const gained = attempt.received > from
      const mayResume = isAppError(error, 'UPSTREAM_CUT_SHORT') && gained && resumes < maxResumes
      if (!mayResume || tools.signal.aborted) throw error
      tools.log.info(
        { upstream: source.name, offset: attempt.received },
        `resuming: ${messageOf(error)}`,
      )
    }
  }
}

/** The bytes received so far and what has been computed over them. */
class Attempt {
  readonly #plan: NarPlan
  readonly #download: Download
  readonly #checker: NarChecker
  readonly #quarantine: Quarantine
  #hasher: Hasher = createHash('sha256')
  #check: NarCheck | undefined

  constructor(plan: NarPlan, download: Download, { checker, quarantine }: FillTools) {
    this.#plan = plan
    this.#download = download
    this.#checker = checker
    this.#quarantine = quarantine
    this.#begin()
  }

  get received(): number {
    return this.#download.written
  }

  expect(size: number | undefined, name: string): void {
    const known = this.#plan.size
    if (size === undefined) return
    if (known !== undefined && size !== known)
      throw new AppError(
        'UPSTREAM_MALFORMED',
        `${name} offers ${size} bytes where its narinfo says ${known}`,
      )
    this.#download.expect(size)
  }

  async take(chunk: Uint8Array, name: string): Promise<void> {
    const size = this.#download.size
    if (size !== undefined && this.received + chunk.length > size)
      throw new AppError('CORRUPT', `${name} sent more than the ${size} bytes announced`)
    this.#hasher.update(chunk)
    await this.#download.append(chunk)
    this.#check?.available(this.received)
  }

  requireWhole(name: string): void {
    const size = this.#download.size
    if (size !== undefined && this.received < size)
      throw new AppError('UPSTREAM_CUT_SHORT', `${name} sent ${this.received} of ${size} bytes`)
  }

  /**
   * @returns the hash of the file
   * @throws AppError CORRUPT when a hash is wrong
   */
  async requireRight(name: string): Promise<Hash> {
    const { fileHash, file } = this.#plan
    const seen: Hash = { algorithm: 'sha256', digest: this.#hasher.digest() }
    if (fileHash && formatHash(seen) !== formatHash(fileHash))
      throw new AppError(
        'CORRUPT',
        `${name} sent nar/${file.name} with hash ${formatHash(seen)} instead of ${formatHash(fileHash)}`,
      )
    const verdict = await this.#check?.finish(this.received)
    if (verdict && !verdict.ok)
      throw new AppError('CORRUPT', `${name} sent nar/${file.name} wrong: ${verdict.reason}`)
    return seen
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
    if (nar && this.#checker.canCheck(compression))
      this.#check = this.#checker.check({
        path: this.#download.path,
        compression,
        narHash: nar.hash,
        narSize: nar.size,
      })
    else if (!fileHash)
      throw new AppError('UNVERIFIABLE', `nothing to check nar/${file.name} against`)
  }
}

function asFault(error: unknown): AppError {
  return isAppError(error) ? error : new AppError('DISK', messageOf(error), { cause: error })
}
