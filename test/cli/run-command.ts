import { join } from 'node:path'
import { type ProgramRun, runProgram } from '../support/program-run.ts'

/** What `narwhal` runs. */
export const main = join(import.meta.dirname, '../../src/cli/main.ts')

/**
 * Runs `narwhal <args>` as a process of its own, to its end.
 *
 * @param env added to an environment that holds nothing but PATH
 */
export function runCommand(
  args: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<ProgramRun> {
  const env = { PATH: process.env.PATH ?? '', ...options.env }
  const { cwd = import.meta.dirname } = options
  return runProgram(process.execPath, [main, ...args], { cwd, env })
}
