import type { LimitFunction } from 'p-limit'

/**
 * Does some work when its turn comes. Once the signal has aborted it needs no turn: it begins at once,
 * finds out that it is over, and gives back what it holds.
 *
 * @throws whatever the work throws
 */
export function takeTurn(
  limit: LimitFunction,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let begun: Promise<void> | undefined
    const begin = () => {
      signal.removeEventListener('abort', begin)
      begun ??= work()
      begun.then(resolve, reject)
      return begun
    }
    signal.addEventListener('abort', begin, { once: true })
    limit(begin).catch(() => undefined)
  })
}
