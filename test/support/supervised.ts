import { join } from 'node:path'
import { expect } from 'vitest'
import type { NarwhalProcess } from './narwhal-process.ts'

/** Put before narwhal as its wrapper: holds the listening socket over narwhal's restarts. */
export const supervisor = ['perl', join(import.meta.dirname, 'supervisor.pl')]

/** How often the supervisor has had to start it. */
function starts(narwhal: NarwhalProcess): number[] {
  return [...narwhal.stderr.matchAll(/^started (\d+)$/gm)].map(([, pid]) => Number(pid))
}

/**
 * Ends the narwhal behind a supervisor with SIGTERM, and waits until another has taken its place and
 * listens.
 */
export async function restartSupervised(narwhal: NarwhalProcess): Promise<void> {
  const before = starts(narwhal)
  const lines = () => narwhal.stdout.split('\n').length
  const linesBefore = lines()
  process.kill(before.at(-1) ?? 0, 'SIGTERM')
  await expect.poll(() => starts(narwhal).length).toBe(before.length + 1)
  await expect.poll(lines).toBe(linesBefore + 1)
}
