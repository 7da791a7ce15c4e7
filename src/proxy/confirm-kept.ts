import type { NarChecker } from '../codec/nar-check.ts'
import { formatHash } from '../nix/hash.ts'
import type { Disk } from '../store/disk.ts'
import { infoOf } from '../store/record-info.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { narHashText } from './hand-out.ts'
import type { Narinfos } from './narinfos.ts'

export interface ConfirmTools extends Keepers {
  readonly checker: NarChecker
  readonly log: Log
}

interface Keepers {
  readonly disk: Disk
  readonly narinfos: Narinfos
}

/**
 * Holds a NAR on the disk against the NarHash of its narinfos, where only the hash of the file was
 * checked when it came, or it was left between two steps by a crash. No signature covers which file a
 * narinfo leads to: those that do not fit it are dropped, and it is removed where none does.
 *
 * @param bytes length of the file
 */
export async function confirmKept(file: string, bytes: number, tools: ConfirmTools): Promise<void> {
  const { disk, narinfos, checker, log } = tools
  const wrong: NarinfoRecord[] = []
  let why: string | undefined
  let isUnsure = false
  for (const records of alike(disk.narinfosOfFile(file))) {
    const { compression, narHash, narSize } = infoOf(records[0])
    if (!checker.canCheck(compression)) {
      isUnsure = true
      continue
    }
    const path = disk.layout.nar(file)
    const verdict = await checker.check({ path, compression, narHash, narSize }).finish(bytes)
    if (verdict.ok) {
      await noteRight(file, formatHash(narHash), tools)
      return
    }
    wrong.push(...records)
    why ??= verdict.reason
  }
  if (why !== undefined && !isUnsure) {
    log.error({ code: 'CORRUPT', file }, `removed nar/${file}: ${why}`)
    await disk.lose(file, `is wrong: ${why}`)
  }
  for (const record of wrong) await narinfos.disbelieve(record)
}

/** Notes that a NAR on the disk has this NarHash, and drops the narinfos that say another. */
export async function noteRight(
  file: string,
  narHash: string,
  { disk, narinfos }: Keepers,
): Promise<void> {
  const records = disk.narinfosOfFile(file)
  const isSame = (record: NarinfoRecord) => narHashText(infoOf(record)) === narHash
  await disk.confirm(file, narHash, records.filter(isSame))
  for (const record of records) if (!isSame(record)) await narinfos.disbelieve(record)
}

/** Narinfos by what they say of the NAR. */
function alike(records: readonly NarinfoRecord[]): Iterable<[NarinfoRecord, ...NarinfoRecord[]]> {
  const groups = new Map<string, [NarinfoRecord, ...NarinfoRecord[]]>()
  for (const record of records) {
    const info = infoOf(record)
    const said = [narHashText(info), info.narSize, info.compression].join()
    const group = groups.get(said)
    if (group) group.push(record)
    else groups.set(said, [record])
  }
  return groups.values()
}
