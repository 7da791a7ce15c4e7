export interface RoomFacts {
  /** Bytes of NARs kept. */
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
 * Says how many bytes must be evicted before `incomingBytes` may be written.
 *
 * @returns 0 when there is room; undefined when no eviction can make enough room
 */
export function bytesToEvict(facts: RoomFacts): number | undefined {
  const overCap = facts.usedBytes + facts.reservedBytes + facts.incomingBytes - facts.maxBytes
  const overDisk = facts.minFreeBytes + facts.reservedBytes + facts.incomingBytes - facts.freeBytes
  const needed = Math.max(0, overCap, overDisk)
  return needed > facts.usedBytes - (facts.originBytes ?? 0) ? undefined : needed
}
