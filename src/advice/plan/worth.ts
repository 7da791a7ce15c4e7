import type { Machine } from '../machine.ts'
import type { Role } from '../roles.ts'
import { buildSlots, usableThreads } from '../slots.ts'
import { busyShare } from '../upgrade-need.ts'
import { delivery, freeShare, gigabitBytesPerSecond } from './delivery.ts'
import { nearlyFullShare } from './disk-upgrades.ts'
import { lacksMemory } from './need.ts'

/** How much compile slots count for a role, against delivery that counts once. */
const slotWeights: Readonly<Record<Role, number>> = { proxy: 0, cache: 0.5, builder: 1 }

/**
 * What a change gains, in doublings: 1 is twice as much of one thing that counts for the role.
 * Nothing is gained by more of what is not short: memory beyond what threads can use, a disk faster
 * than a gigabit.
 */
export function gainOf(before: Machine, after: Machine, role: Role): number {
  const slots = doublings(buildSlots(before).count + 1, buildSlots(after).count + 1)
  return (
    slotWeights[role] * slots +
    doublings(usefulDelivery(before), usefulDelivery(after)) +
    reliefOf(before, after)
  )
}

/** Delivery as far as clients on a gigabit can notice; what is not known does not change. */
function usefulDelivery(machine: Machine): number {
  const { diskBytesPerSecond, linkBytesPerSecond } = delivery(machine)
  return Math.min(
    diskBytesPerSecond ?? gigabitBytesPerSecond,
    linkBytesPerSecond ?? gigabitBytesPerSecond,
    gigabitBytesPerSecond,
  )
}

/** More of what has been seen to hurt. */
function reliefOf(before: Machine, after: Machine): number {
  const isBusy = (before.troubles.cpuUtilization ?? 0) >= busyShare
  const isFull = (freeShare(before.disks[0]) ?? 1) < nearlyFullShare
  const [fromDisk, toDisk] = [before.disks[0]?.totalBytes, after.disks[0]?.totalBytes]
  return (
    (lacksMemory(before) ? doublings(before.memory.totalBytes, after.memory.totalBytes) : 0) +
    (isBusy ? doublings(usableThreads(before), usableThreads(after)) : 0) +
    (isFull && fromDisk && toDisk ? Math.max(0, doublings(fromDisk, toDisk)) : 0)
  )
}

function doublings(from: number, to: number): number {
  return Math.log2(to / from)
}
