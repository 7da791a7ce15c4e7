import { createHash, type Hash as Hasher } from 'node:crypto'
import type { NarCheck, NarChecker } from '../codec/nar-check.ts'
import { AppError } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import type { Download } from '../store/download.ts'
import { MiB } from '../units.ts'
import type { NarPlan } from './nar-plan.ts'
import type { Quarantine } from './quarantine.ts'

export interface IntakeTools {
  readonly checker: NarChecker
  readonly quarantine: Quarantine
}

const rehashBytes = MiB

/** The bytes received so far and what has been computed over them. */
export class NarIntake {
  readonly #plan: NarPlan
  readonly #download: Download
  readonly #checker: NarChecker
  readonly #quarantine: Quarantine
  #hasher: Hasher = createHash('sha256')
  #check: NarCheck | undefined
  #lastProgress = performance.now()

  constructor(plan: NarPlan, download: Download, { checker, quarantine }: IntakeTools) {
    this.#plan = plan
    this.#download = download
    this.#checker = checker
    this.#quarantine = quarantine
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
    if (known !== undefined && size !== known)
      throw new AppError(
        'UPSTREAM_MALFORMED',
        `${name} offers ${size} bytes where its narinfo says ${known}`,
      )
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
    if (this.#download.isOnDisk) this.#check?.available(this.received)
    else await this.#check?.feed(chunk)
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
