import { createHash } from 'node:crypto'
import type { Repacker, Repacking } from '../codec/nar-repack.ts'
import { AppError, isAppError } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import type { NarFile } from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import type { Download } from '../store/download.ts'
import type { NarReader } from '../store/nar-reader.ts'
import { infoOf } from '../store/record-info.ts'
import { KiB } from '../units.ts'
import { narHashText } from './hand-out.ts'
import type { FilledNar } from './nar-intake.ts'
import type { NarPlan } from './nar-plan.ts'

const pieceBytes = 256 * KiB

export interface RepackTools {
  readonly disk: Disk
  readonly repacker: Repacker
  /** Level of zstd. */
  readonly repackLevel: number
  /** True while no client waits for it. */
  readonly isAhead?: boolean
  readonly download: Download
  /** Opens the NAR as its upstream packed it: from the disk, or by following its download. */
  readonly open: () => Promise<OpenOriginal | undefined>
  /** Waited for before each piece. */
  readonly pace: () => Promise<void>
  readonly signal: AbortSignal
  /** Ends the work when no client waits for it. @returns true when it has ended */
  readonly giveUp: () => boolean
}

interface OpenOriginal {
  readonly reader: NarReader
  readonly origin: 'disk' | 'download'
  /** Settles once all of it is here, or will never be; undefined where it is. */
  readonly arrived?: Promise<void> | undefined
}

/**
 * Fills the download of a NAR's zstd form from the original, and vouches for it once the NAR is what
 * its narinfo says.
 *
 * @param original whose zstd form the plan's file is
 * @throws AppError CORRUPT when the NAR is wrong; NAR_GONE when it is certainly absent; DISK when the
 *   disk does not take it and nobody waits for it; whatever ended the original, the download or the
 *   thread
 */
export async function repackNar(
  { file, nar, size }: NarPlan,
  original: NarFile,
  tools: RepackTools,
): Promise<FilledNar> {
  const { disk, repacker, repackLevel: level, download } = tools
  if (!nar) throw new AppError('UNVERIFIABLE', `nothing to check nar/${file.name} against`)
  for (let attempt = 1; ; attempt += 1) {
    const open = await tools.open()
    if (!open) throw new AppError('NAR_GONE', `no upstream has nar/${original.name} any more`)
    try {
      const repacking = repacker.repack({
        path: disk.layout.nar(original.name),
        compression: original.compression,
        narHash: nar.hash,
        narSize: nar.size,
        level,
        isAhead: tools.isAhead ?? false,
      })
      void Promise.resolve(open.arrived).then(() => repacking.whole())
      const fileHash = await pour({ ...tools, original: open.reader, repacking })
      return { fileHash, isNarHashRight: true, late: undefined }
    } catch (error) {
      if (!isAppError(error, 'CORRUPT') || open.origin !== 'disk' || attempt > 1) throw error
      // Another path's narinfo may have led to a sound file.
      if (!isItsOwn(original.name, formatHash(nar.hash), disk)) throw error
      // It was right when it was put there.
      await disk.lose(original.name, `is damaged: ${error.message}`)
      await download.restart(size)
    } finally {
      open.reader.close()
    }
  }
}

/** True when a kept file is the NAR with this hash, as far as anybody has said or checked. */
function isItsOwn(file: string, narHash: string, disk: Disk): boolean {
  const checked = disk.checkedHash(file)
  if (checked !== undefined) return checked === narHash
  return disk.narinfosOfFile(file).every((record) => narHashText(infoOf(record)) === narHash)
}

interface Pouring extends Pick<RepackTools, 'download' | 'pace' | 'signal' | 'giveUp'> {
  readonly original: NarReader
  readonly repacking: Repacking
}

async function pour(parts: Pouring): Promise<Hash> {
  const { original, repacking, download, signal, giveUp } = parts
  const hasher = createHash('sha256')
  let fault: { readonly error: unknown } | undefined
  let isRefused = false
  const fail = (error: unknown) => {
    // The other side ends because of it; only the first fault says why.
    fault ??= { error }
    repacking.cancel()
    original.close()
  }
  const stop = () => {
    fail(signal.reason)
    // It may wait for readers that do not come.
    download.fail(signal.reason)
  }
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const feeding = feed(parts).catch(fail)
  try {
    for await (const chunk of repacking.chunks) {
      hasher.update(chunk)
      await download.appendLent(chunk)
      free(chunk)
      // It would wait in memory for a client who may never come.
      if (!download.isOnDisk && giveUp()) {
        isRefused = true
        break
      }
    }
  } catch (error) {
    fail(error)
  }
  await feeding
  signal.removeEventListener('abort', stop)
  if (isRefused) throw new AppError('DISK', 'the disk does not take its zstd form')
  if (fault) throw fault.error
  download.vouch()
  return { algorithm: 'sha256', digest: hasher.digest() }
}

/** Gives memory back now, not when V8 next looks: it would look at all of the heap for every few MB. */
function free({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0)
}

async function feed({ original, repacking, pace }: Pouring): Promise<void> {
  let position = 0
  while (position !== original.size) {
    await pace()
    const left = (original.size ?? Number.POSITIVE_INFINITY) - position
    const piece = Buffer.allocUnsafeSlow(Math.min(left, pieceBytes))
    const bytes = await original.read(piece, position)
    if (bytes === 0) break
    position += bytes
    await repacking.feed(piece.subarray(0, bytes))
  }
  repacking.finish(position)
}
