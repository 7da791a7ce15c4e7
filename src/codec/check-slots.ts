import type { FileProgress } from './growing-file.ts'

interface Slotted {
  readonly progress: FileProgress
  /** True when no network is waited for: all of the file is at hand, to be read or to be fed. */
  readonly isHere?: boolean
}

/**
 * Picks which check may begin next, first come, first served, so that at most `maxConcurrent`
 * decoders hold memory at once.
 *
 * The last slot is only for complete files. They wait for no network, so that slot is always free
 * again soon: downloads that stall may fill all others, and still every file that arrives is
 * checked. A file without its first byte takes no slot.
 *
 * @param waiting in the order they came
 * @returns one of `waiting`, or undefined when none may begin now
 */
export function chooseNext<Check extends Slotted>(
  waiting: Iterable<Check>,
  running: Iterable<Check>,
  maxConcurrent: number,
): Check | undefined {
  let taken = 0
  let growing = 0
  for (const { progress, isHere } of running) {
    taken += 1
    if (!progress.isComplete && !isHere) growing += 1
  }
  if (taken >= maxConcurrent) return undefined
  const growingMayStart = growing < maxConcurrent - 1
  for (const check of waiting) {
    const { isComplete, bytes } = check.progress
    if (isComplete || ((growingMayStart || check.isHere) && bytes > 0)) return check
  }
  return undefined
}
