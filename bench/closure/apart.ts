import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/**
 * Gives the client the first core to itself, as a machine of its own would be: everything that is
 * started from now on shares the others.
 *
 * @returns the words before the client's command line
 * @throws Error where there is one core only, or no Linux
 */
export function setClientApart(): readonly string[] {
  const cores = availableParallelism()
  if (process.platform !== 'linux' || cores < 2)
    throw new Error('--apart needs Linux and two cores')
  execFileSync('taskset', [
    '--all-tasks',
    '--cpu-list',
    '--pid',
    `1-${cores - 1}`,
    `${process.pid}`,
  ])
  return ['taskset', '--cpu-list', '0']
}
