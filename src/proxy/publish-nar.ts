import { AppError, messageOf } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import { printNarInfo } from '../nix/narinfo.ts'
import type { Disk } from '../store/disk.ts'
import type { Download } from '../store/download.ts'
import { infoOf } from '../store/record-info.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import { narHashText } from './hand-out.ts'
import type { NarPlan } from './nar-plan.ts'
import type { Narinfos } from './narinfos.ts'

export interface PublishedNar {
  readonly download: Download
  readonly fileHash: Hash
  /** False where only the hash of the file is known to be right so far. */
  readonly isNarHashRight: boolean
}

/**
 * Gives a NAR its place in `cache/`, with the narinfos that promise it: those of the original where
 * it is a zstd form.
 *
 * @throws AppError DISK
 */
export async function publishNar(
  plan: NarPlan,
  { download, fileHash, isNarHashRight }: PublishedNar,
  { disk, narinfos }: { readonly disk: Disk; readonly narinfos: Narinfos },
): Promise<void> {
  const { file, original } = plan
  const narHash = plan.nar && formatHash(plan.nar.hash)
  const now = Date.now()
  const publish = async () => {
    if (original && narHash !== undefined) {
      const nar = { file: file.name, narHash, fileHash, fileSize: download.written }
      return disk.zstdForms.publish(download, { ...nar, original: original.name }, now)
    }
    const records = disk
      .narinfosOfFile(file.name)
      .filter((record) => narHashText(infoOf(record)) === narHash)
      .map((record) => withFileHash(record, fileHash, download.written))
    const nar = { file: file.name, narHash: isNarHashRight ? narHash : undefined }
    await disk.publish(download, nar, records, now)
    return records
  }
  const records = await publish().catch((cause: unknown) => {
    throw new AppError('DISK', `cannot keep nar/${file.name}: ${messageOf(cause)}`, { cause })
  })
  // One of them may have been deleted meanwhile.
  const left = new Set(disk.narinfosOfFile(file.name).map(({ hash }) => hash))
  for (const record of records) if (left.has(record.hash)) narinfos.refresh(record)
}

/** The narinfo as it stands beside its NAR: complete, also where its upstream gave no FileHash. */
function withFileHash(record: NarinfoRecord, fileHash: Hash, fileSize: number): NarinfoRecord {
  const info = infoOf(record)
  if (info.fileHash && info.fileSize !== undefined) return record
  return { ...record, text: printNarInfo({ ...info, fileHash, fileSize }) }
}
