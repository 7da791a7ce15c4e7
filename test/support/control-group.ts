import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { atTestEnd } from './at-test-end.ts'

/** A small machine made of a large one. */
export interface SmallMachine {
  readonly memoryBytes: number
  readonly cores: number
}

interface Limit {
  /** where groups are made */
  readonly root: string
  readonly file: string
  readonly text: string
}

const periodMicroseconds = 100_000

/** What has to be written where: one tree in version 2, one for each controller in version 1. */
function limitsOf({ memoryBytes, cores }: SmallMachine): readonly (readonly Limit[])[] {
  const quota = cores * periodMicroseconds
  const [v2, v1] = ['/sys/fs/cgroup', (controller: string) => `/sys/fs/cgroup/${controller}`]
  return [
    [
      { root: v2, file: 'memory.max', text: String(memoryBytes) },
      { root: v2, file: 'cpu.max', text: `${quota} ${periodMicroseconds}` },
    ],
    [
      { root: v1('memory'), file: 'memory.limit_in_bytes', text: String(memoryBytes) },
      { root: v1('cpu'), file: 'cpu.cfs_quota_us', text: String(quota) },
    ],
  ]
}

/**
 * Makes a control group with so much memory and so many cores; removed when the test ends.
 *
 * @returns a wrapper to put before a command; undefined where this machine does not let us
 */
export async function controlGroup(
  machine: SmallMachine,
): Promise<{ readonly wrapper: readonly string[] } | undefined> {
  const name = `narwhal-small-${process.pid}-${groups++}`
  for (const limits of limitsOf(machine)) {
    const directories = [...new Set(limits.map(({ root }) => join(root, name)))]
    atTestEnd(async () => {
      for (const directory of directories) await remove(directory)
    })
    if (!(await make(directories, { limits, name }))) continue
    const enter = directories.map((_, at) => `echo $$ > "$${at + 1}"/cgroup.procs`).join(' && ')
    const script = `${enter} && shift ${directories.length} && exec "$@"`
    return { wrapper: ['sh', '-c', script, 'sh', ...directories] }
  }
  return undefined
}

let groups = 0

async function make(
  directories: readonly string[],
  { limits, name }: { limits: readonly Limit[]; name: string },
): Promise<boolean> {
  try {
    for (const directory of directories) await mkdir(directory)
    for (const { root, file, text } of limits) {
      // a directory that is no control group lacks the file, and must not be given it
      await writeFile(join(root, name, file), text, { flag: 'r+' })
      if ((await readFile(join(root, name, file), 'utf8')).trim() !== text) return false
    }
    return true
  } catch {
    return false
  }
}

/** A group that still holds a dying process cannot be removed yet. */
async function remove(directory: string): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    const code = await rmdir(directory).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
    if (code !== 'EBUSY') return
    await wait(100)
  }
}
