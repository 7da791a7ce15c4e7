import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { atTestEnd } from './at-test-end.ts'

/** A wrapper for startNarwhal that leaves it so many file descriptors. */
export function descriptorLimit(count: number): readonly string[] {
  return ['prlimit', `--nofile=${count}:${count}`]
}

/** Memory that runs out: page cache and kernel buffers of the process count too. */
export interface MemoryLimit {
  /** put before the command */
  readonly wrapper: readonly string[]
  /** the most that was in use, in bytes */
  peakBytes(): Promise<number>
  /** processes the kernel has killed for want of memory */
  kills(): Promise<number>
}

interface Flavour {
  readonly root: string
  readonly limit: string
  readonly peak: string
  readonly events: string
}

/** Control groups of version 2 where the memory controller is there, else of version 1. */
const flavours: readonly Flavour[] = [
  { root: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' },
  {
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    events: 'memory.oom_control',
  },
]

/**
 * Makes a control group with so much memory and no swap; removed when the test ends.
 *
 * @returns undefined where this machine does not let us
 */
export async function memoryLimit(bytes: number): Promise<MemoryLimit | undefined> {
  for (const flavour of flavours) {
    // a directory that is no control group lacks the file, and must not be given it
    const group = join(flavour.root, `narwhal-test-${process.pid}-${groups++}`)
    const isMade = await mkdir(group)
      .then(() => writeFile(join(group, flavour.limit), String(bytes), { flag: 'r+' }))
      .then(() => true)
      .catch(() => false)
    atTestEnd(() => remove(group))
    if (isMade) return limitIn(group, flavour)
  }
  return undefined
}

let groups = 0

/** A group that still holds a dying process cannot be removed yet. */
async function remove(group: string): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    const code = await rmdir(group).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
    if (code !== 'EBUSY') return
    await wait(100)
  }
}

function limitIn(group: string, { peak, events }: Flavour): MemoryLimit {
  const read = (file: string) => readFile(join(group, file), 'utf8')
  return {
    wrapper: ['sh', '-c', 'echo $$ > "$0"/cgroup.procs && exec "$@"', group],
    peakBytes: async () => Number(await read(peak)),
    kills: async () => Number(/^oom_kill (\d+)$/m.exec(await read(events))?.[1] ?? 0),
  }
}
