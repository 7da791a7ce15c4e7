import { open, rm } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import type { Log } from '../telemetry.ts'

const failuresToStop = 3
const failuresWithinMs = 60_000
const firstProbeMs = 1000
const lastProbeMs = 60_000

export interface WriteHealthOptions {
  /** Where the probe is written; on the filesystem in question. */
  readonly probeFile: string
  readonly log: Log
  /** Called when writing works again. */
  readonly onRecovery: () => void
}

/**
 * Says whether the disk takes what is written to it. After a few failures in a row nothing more is
 * kept, so that no request waits for a sick disk, until a probe file can be written and synced.
 */
export class WriteHealth {
  readonly #options: WriteHealthOptions
  #failedAt: number[] = []
  #isStoring = true
  #probeInMs = firstProbeMs
  #probe: NodeJS.Timeout | undefined

  constructor(options: WriteHealthOptions) {
    this.#options = options
  }

  /** False while nothing is kept. */
  get isStoring(): boolean {
    return this.#isStoring
  }

  /** Notes that something could not be written. */
  failed(error: unknown): void {
    const now = performance.now()
    const recent = this.#failedAt.filter((at) => now - at < failuresWithinMs)
    this.#failedAt = [...recent, now].slice(-failuresToStop)
    if (!this.#isStoring || this.#failedAt.length < failuresToStop) return
    this.#isStoring = false
    this.#options.log.error(
      { code: 'DISK' },
      `the disk cannot be written (${messageOf(error)}): passing everything on without keeping it`,
    )
    this.#probeLater()
  }

  /** Keeps nothing from now on: the data directory is not ours to write to, for all we run. */
  giveUp(why: string): void {
    this.#isStoring = false
    this.#options.log.error(
      { code: 'DISK' },
      `the data directory cannot be written (${why}): serving what is in cache/ and keeping nothing; make it writable and restart narwhal`,
    )
  }

  close(): void {
    clearTimeout(this.#probe)
    this.#probe = undefined
    this.#isStoring = false
  }

  #probeLater(): void {
    this.#probe = setTimeout(() => void this.#tryAgain(), this.#probeInMs).unref()
    this.#probeInMs = Math.min(2 * this.#probeInMs, lastProbeMs)
  }

  async #tryAgain(): Promise<void> {
    const { probeFile, log, onRecovery } = this.#options
    const isWell = await writeProbe(probeFile).then(
      () => true,
      () => false,
    )
    if (this.#probe === undefined) return
    if (!isWell) {
      this.#probeLater()
      return
    }
    this.#failedAt = []
    this.#probeInMs = firstProbeMs
    this.#isStoring = true
    log.warn({}, 'the disk can be written again: keeping what passes through')
    onRecovery()
  }
}

/** As much as a small NAR: an empty file may succeed where there is no room for a byte. */
const probeBytes = 64 * 1024

async function writeProbe(path: string): Promise<void> {
  try {
    const handle = await open(path, 'w')
    try {
      await handle.write(Buffer.alloc(probeBytes))
      await handle.sync()
    } finally {
      await handle.close()
    }
  } finally {
    await rm(path, { force: true })
  }
}
