export interface RoomFacts {
  /** Bytes of NARs kept, and of what downloads that broke off have left. */
  readonly usedBytes: number
  /** Of these, what may not be evicted. */
  readonly originBytes?: number
  /** Bytes promised to downloads that run now. */
  readonly reservedBytes: number
  readonly incomingBytes: number
  readonly maxBytes: number
  /** What the filesystem has left, and what must stay left. */
  readonly freeBytes: number
  readonly minFreeBytes: number
}

/**
 * Says how many bytes must be evicted before `incomingBytes` may be written; where nothing comes in, how
 * many of those that are too many can be.
 *
 * @returns 0 when there is room; undefined when no eviction can make enough room
 */
export function bytesToEvict(facts: RoomFacts): number | undefined {
  const overCap = facts.usedBytes + facts.reservedBytes + facts.incomingBytes - facts.maxBytes
  const overDisk = facts.minFreeBytes + facts.reservedBytes + facts.incomingBytes - facts.freeBytes
  const needed = Math.max(0, overCap, overDisk)
  const evictable = facts.usedBytes - (facts.originBytes ?? 0)
  if (needed <= evictable) return needed
  return facts.incomingBytes > 0 ? undefined : evictable
}
