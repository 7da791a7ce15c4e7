import { KiB } from '../units.ts'

/** A read and a write of this size cost little beside the copying itself. */
const largeBytes = 256 * KiB
/** What a stream gets while many run: clients that stall must not add up to much memory. */
const smallBytes = 64 * KiB
const maxLarge = 64

const idle: Buffer[] = []
let largeOut = 0

/** Takes a buffer for the length of one stream: a large one for each of the first 64 that run at once. */
export function takeBuffer(): Buffer {
  if (largeOut >= maxLarge) return Buffer.allocUnsafeSlow(smallBytes)
  largeOut += 1
  return idle.pop() ?? Buffer.allocUnsafeSlow(largeBytes)
}

/**
 * Ends a stream's use of its buffer.
 *
 * @param isFree false when the kernel may still hold a part of it, as after a broken connection
 */
export function giveBack(buffer: Buffer, isFree: boolean): void {
  if (buffer.length !== largeBytes) return
  largeOut -= 1
  if (isFree) idle.push(buffer)
}
