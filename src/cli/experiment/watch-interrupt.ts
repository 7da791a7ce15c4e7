import { tell } from '../output.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What work is given that may be interrupted, and tells how far it is. */
export interface Watched {
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

/**
 * Does work that the user may interrupt, and shows how far it is: on a terminal in one line that
 * changes, elsewhere in a line each.
 *
 * @returns undefined when it was interrupted; the exit code is set then
 */
export async function watchInterrupt<Result>(
  command: string,
  work: (watched: Watched) => Promise<Result>,
): Promise<Result | undefined> {
  const interrupt = new AbortController()
  const onInterrupt = () => interrupt.abort()
  for (const name of signals) process.once(name, onInterrupt)
  const onProgress = (doing: string) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${command}: ${doing}`)
    else tell(`${command}: ${doing}`)
  }
  try {
    return await work({ signal: interrupt.signal, onProgress })
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    tell(`${command}: interrupted`)
    process.exitCode = 130
    return undefined
  } finally {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    for (const name of signals) process.off(name, onInterrupt)
  }
}
