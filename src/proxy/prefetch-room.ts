import type { Disk } from '../store/disk.ts'
import type { Space } from '../store/disk-room.ts'
import { GiB } from '../units.ts'

/** NARs on the disk that nobody has asked for yet may take this much of it. */
const mostAhead = { bytes: GiB, shareOfCache: 0.1 }
/** One NAR must leave room for others. */
const largestShare = 0.25
/** What was read since is not evicted for what nobody may read. */
const restMs = 86_400_000

/** How much NARs fetched ahead may take, in bytes. */
export interface Allowance {
  /** All together. */
  readonly maxBytes: number
  /** Any one. */
  readonly maxFileBytes: number
  /** What the disk takes without evicting anything that was read lately. */
  readonly spareBytes: number
}

/**
 * Measures what the disk can spare.
 *
 * @throws the system's error
 */
export async function prefetchRoom(disk: Disk): Promise<Allowance> {
  const space = await disk.space()
  const maxBytes = Math.min(mostAhead.bytes, space.maxBytes * mostAhead.shareOfCache)
  const spareBytes = await spareRoom(disk, maxBytes, space)
  return { maxBytes, maxFileBytes: maxBytes * largestShare, spareBytes }
}

/**
 * Measures what the disk takes without evicting anything that was read lately, no further than until
 * `wantedBytes` are found.
 *
 * @throws the system's error
 */
export async function spareRoom(disk: Disk, wantedBytes: number, space: Space): Promise<number> {
  const underCap = space.maxBytes - space.bytes - space.reservedBytes
  const aboveFloor = space.freeBytes - space.minFreeBytes - space.reservedBytes
  let spareBytes = Math.min(underCap, aboveFloor)
  // Whatever must go goes oldest first, so only what is old will.
  if (spareBytes < wantedBytes && disk.isIndexComplete) {
    const old = { maxBytes: Number.POSITIVE_INFINITY, readBefore: Date.now() - restMs }
    for await (const { bytes } of disk.collect(old, true)) {
      spareBytes += bytes
      if (spareBytes >= wantedBytes) break
    }
  }
  return spareBytes
}
