import { KiB } from '../units.ts'

/** Large enough that a read and a write cost little beside the copying, small enough for 500 streams. */
export const bufferBytes = 128 * KiB
const maxIdle = 64

const idle: Buffer[] = []

/** Takes a buffer of `bufferBytes` for the length of one stream. */
export function takeBuffer(): Buffer {
  return idle.pop() ?? Buffer.allocUnsafeSlow(bufferBytes)
}

/** Gives it back; nobody may hold a part of it any more. */
export function giveBack(buffer: Buffer): void {
  if (idle.length < maxIdle) idle.push(buffer)
}
