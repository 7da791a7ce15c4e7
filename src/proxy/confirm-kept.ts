import type { NarChecker } from '../codec/nar-check.ts'
import type { Disk } from '../store/disk.ts'
import type { Log } from '../telemetry.ts'
import { infoOf, narHashText } from './hand-out.ts'
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
 * Holds a NAR on the disk against the NarHash of its narinfo, where only the hash of the file was
 * checked when it came, or it was left between two steps by a crash. A wrong one is removed.
 *
 * @param bytes length of the file
 */
export async function confirmKept(file: string, bytes: number, tools: ConfirmTools): Promise<void> {
  const { disk, checker, log } = tools
  const records = disk.narinfosOfFile(file)
  const first = records[0]
  if (!first) return
  const info = infoOf(first)
  if (!checker.canCheck(info.compression)) return
  const check = checker.check({
    path: disk.layout.nar(file),
    compression: info.compression,
    narHash: info.narHash,
    narSize: info.narSize,
  })
  const verdict = await check.finish(bytes)
  if (verdict.ok) {
    await noteRight(file, disk)
    return
  }
  log.error({ code: 'CORRUPT', file }, `removed nar/${file}: ${verdict.reason}`)
  await disown(file, verdict.reason, tools)
}

/** Notes that a NAR on the disk is what its narinfos say. */
export async function noteRight(file: string, disk: Disk): Promise<void> {
  const records = disk.narinfosOfFile(file)
  const [first] = records
  if (!first) return
  const narHash = narHashText(infoOf(first))
  const same = records.filter((record) => narHashText(infoOf(record)) === narHash)
  await disk.confirm(file, narHash, same)
}

/** Takes a NAR out that is not what its narinfos say, and with it those narinfos. */
export async function disown(
  file: string,
  why: string,
  { disk, narinfos }: Keepers,
): Promise<void> {
  const records = disk.narinfosOfFile(file)
  await disk.lose(file, `is wrong: ${why}`)
  for (const record of records) await narinfos.disbelieve(record)
}
