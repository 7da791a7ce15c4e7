import { spawn } from 'node:child_process'
import { AppError } from '../../errors.ts'

export interface TimedCommand {
  readonly line: string
  readonly prepare?: string
  readonly directory: string
  readonly warmups: number
  readonly rounds: number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

const keptBytes = 2048

/**
 * Runs a command of the shell again and again and takes the time of each run.
 *
 * @returns seconds, those of the warm-ups left out
 * @throws AppError COMMAND_FAILED; the signal's reason
 */
export async function timeCommand(command: TimedCommand): Promise<number[]> {
  const { line, prepare, warmups, rounds, onProgress } = command
  const seconds: number[] = []
  for (let run = -warmups; run < rounds; run++) {
    onProgress(run < 0 ? 'command: warming up' : `command: round ${run + 1} of ${rounds}`)
    if (prepare !== undefined) await runOnce(prepare, command)
    const taken = await runOnce(line, command)
    if (run >= 0) seconds.push(taken)
  }
  return seconds
}

/** @returns seconds it took */
async function runOnce(line: string, { directory, signal }: TimedCommand): Promise<number> {
  signal.throwIfAborted()
  const start = performance.now()
  const child = spawn('/bin/sh', ['-c', line], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own, so that all it starts can be ended with it.
    detached: true,
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-keptBytes)
  })
  const { promise, resolve } = Promise.withResolvers<number | string>()
  const kill = () => endGroup(child.pid)
  signal.addEventListener('abort', kill)
  let end = start
  child.once('error', (error) => resolve(error.message))
  child.once('exit', () => {
    end = performance.now()
  })
  child.once('close', (code, name) => resolve(code ?? name ?? 'no exit code'))
  const result = await promise
  signal.removeEventListener('abort', kill)
  signal.throwIfAborted()
  if (result === 0) return (end - start) / 1000
  const words = said.trim() === '' ? '' : `: ${said.trim()}`
  throw new AppError('COMMAND_FAILED', `"${line}" ended with ${result}${words}`)
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGTERM')
  } catch (error) {
    // It ended by itself a moment ago.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
