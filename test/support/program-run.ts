import { execFile } from 'node:child_process'

/** What a finished program left. */
export interface ProgramRun {
  /** exit code; a signal or a timeout counts as 255 */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly cwd?: string
  /** the whole environment: nothing of ours is passed on */
  readonly env: Readonly<Record<string, string>>
  /** default 170,000: shorter than a test may take, so that it says what hung */
  readonly timeoutMs?: number
}

/** Runs a program to its end; its failure is a result, not an error. */
export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 170_000 }: ProgramOptions,
): Promise<ProgramRun> {
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 }
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
      resolve({ code, stdout, stderr })
    })
  })
}

/**
 * Runs a program that has to succeed.
 *
 * @returns its stdout, trimmed
 * @throws Error with what it wrote to stderr
 */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args, options)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}:\n${stderr}`)
  return stdout.trim()
}
