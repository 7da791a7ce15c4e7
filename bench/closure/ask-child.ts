import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/**
 * Waits for a forked process's next message; asks for it first, when there is a question.
 *
 * @throws Error when the process ends instead
 */
export async function askChild<Answer>(child: ChildProcess, question?: string): Promise<Answer> {
  const ended = new AbortController()
  const onExit = () => ended.abort()
  child.once('exit', onExit)
  try {
    const answer = once(child, 'message', { signal: ended.signal })
    if (question !== undefined) child.send(question)
    return (await answer)[0]
  } catch (cause) {
    throw new Error(`${child.spawnargs[1]} ended too soon`, { cause })
  } finally {
    child.off('exit', onExit)
  }
}
