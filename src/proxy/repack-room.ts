import { AppError } from '../errors.ts'
import type { Disk } from '../store/disk.ts'
import type { Reservation } from '../store/disk-room.ts'
import { infoOf } from '../store/record-info.ts'
import type { NarPlan } from './nar-plan.ts'
import type { NarRun } from './nar-run.ts'
import { spareRoom } from './prefetch-room.ts'

/** How long a zstd form is at most, nearly always, by the length of its original. */
const shareOfPacked = 1.5
const shareOfUnpacked = 0.5

/**
 * Says how much room to begin with; undefined where nothing is known of the file. A zstd form grows
 * where it needs more: NarSize would be several times too much.
 */
export function firstBytes({ size, nar, original, record }: NarPlan): number | undefined {
  if (size !== undefined || !original) return size ?? nar?.size
  const packedBytes =
    original.compression === 'none' ? undefined : record && infoOf(record).fileSize
  if (packedBytes !== undefined) return Math.ceil(packedBytes * shareOfPacked)
  return nar && Math.ceil(nar.size * shareOfUnpacked)
}

type Reserve = (bytes: number) => Promise<Reservation | undefined>

/**
 * Reserves room for a run. A zstd form that no client waits for gets no room that what was read
 * lately would have to leave.
 */
export function reserveFor(plan: NarPlan, run: Pick<NarRun, 'isAhead'>, disk: Disk): Reserve {
  if (!plan.original) return (bytes) => disk.reserve(bytes)
  const mayTake = async (bytes: number) => {
    if (!run.isAhead) return true
    return (await spareRoom(disk, bytes, await disk.lastSpace())) >= bytes
  }
  return async (first) => {
    const reservation = (await mayTake(first)) ? await disk.reserve(first) : undefined
    let held = first
    return (
      reservation && {
        ...reservation,
        async growTo(bytes) {
          if (!(await mayTake(bytes - held)) || !(await reservation.growTo(bytes))) return false
          held = bytes
          return true
        },
      }
    )
  }
}

/** What ends work ahead of the clients for which there is no room. */
export function noRoom({ file }: NarPlan): AppError {
  return new AppError('NO_ROOM', `there is no room for nar/${file.name} that nobody else needs`)
}
