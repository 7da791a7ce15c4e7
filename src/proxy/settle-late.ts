import type { Disk } from '../store/disk.ts'
import { infoOf } from '../store/record-info.ts'
import type { Log } from '../telemetry.ts'
import { noteRight } from './confirm-kept.ts'
import { narHashText } from './hand-out.ts'
import type { LateVerdict } from './nar-intake.ts'
import type { Narinfos } from './narinfos.ts'
import type { Quarantine } from './quarantine.ts'

export interface SettleTools {
  readonly disk: Disk
  readonly narinfos: Narinfos
  readonly quarantine: Quarantine
  readonly log: Log
  readonly signal: AbortSignal
}

/**
 * Takes in a verdict that came after its NAR had been kept. Clients that have a wrong one know it by
 * the NarHash they were given; nobody else gets it, and it is fetched from elsewhere.
 *
 * @throws AppError when there is no verdict, which says nothing about the NAR
 */
export async function settleLate(
  file: string,
  { from, narHash, verdict, cancel }: LateVerdict,
  { disk, narinfos, quarantine, log, signal }: SettleTools,
): Promise<void> {
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const found = await verdict
    if (found.ok) {
      await noteRight(file, narHash, { disk, narinfos })
      return
    }
    const records = disk.narinfosOfFile(file)
    const wrong = records.filter((record) => narHashText(infoOf(record)) === narHash)
    // Where others lead here as well, it may be theirs, which is found out when it is asked for.
    if (wrong.length === records.length) {
      log.error({ code: 'CORRUPT', file, upstream: from }, `removed nar/${file}: ${found.reason}`)
      quarantine.add(from, file)
      quarantine.taint(file)
      await disk.lose(file, `is wrong: ${found.reason}`)
    }
    for (const record of wrong) await narinfos.disbelieve(record)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
