import { execFile } from 'node:child_process'

/** How a program of this machine is run: to read, never to change something. */
export interface ProgramLimits {
  readonly timeoutMs: number
  readonly maxBytes?: number
}

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to stdout; undefined when it is not there, fails, or takes too long
 */
export function programOutput(
  program: string,
  args: readonly string[],
  { timeoutMs, maxBytes = 2 ** 20 }: ProgramLimits,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // One that ignores a signal is not waited for either.
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: maxBytes } as const
    execFile(program, args, options, (error, stdout) => {
      resolve(error === null ? stdout : undefined)
    }).stdin?.end()
  })
}
