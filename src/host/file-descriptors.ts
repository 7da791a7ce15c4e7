import { readFile } from 'node:fs/promises'

/**
 * How many files and sockets this process may have open at once.
 *
 * @returns undefined where the system does not say, or sets no limit
 */
export async function openFileLimit(): Promise<number | undefined> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1]
  return soft === undefined ? undefined : Number(soft)
}
