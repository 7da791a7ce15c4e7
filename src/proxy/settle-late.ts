import type { Disk } from '../store/disk.ts'
import type { Log } from '../telemetry.ts'
import { disown, noteRight } from './confirm-kept.ts'
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
  { from, verdict, cancel }: LateVerdict,
  { disk, narinfos, quarantine, log, signal }: SettleTools,
): Promise<void> {
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const found = await verdict
    if (!found.ok) {
      log.error({ code: 'CORRUPT', file, upstream: from }, `removed nar/${file}: ${found.reason}`)
      quarantine.add(from, file)
      quarantine.taint(file)
      await disown(file, found.reason, { disk, narinfos })
      return
    }
    await noteRight(file, disk)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
