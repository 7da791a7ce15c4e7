import { join } from 'node:path'
import { atTestEnd } from './at-test-end.ts'
import { mustRun, runProgram } from './program-run.ts'

/** A program in a real terminal, which tmux provides. */
export interface Terminal {
  /** what stands on it now, line by line */
  screen(): Promise<string>
  /** the same with its escape sequences */
  colouredScreen(): Promise<string>
  /** presses keys, as tmux calls them: "q", "C-c" */
  press(key: string): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  /** the process that was started in it */
  pid(): Promise<number>
}

export interface TerminalOptions {
  /** for sh; the terminal stays when it has ended */
  readonly command: string
  readonly columns: number
  readonly rows: number
  readonly env?: Readonly<Record<string, string>>
}

const project = join(import.meta.dirname, '..', '..')
let count = 0

/** Needs tmux. Gone at the end of the test. */
export async function startTerminal(options: TerminalOptions): Promise<Terminal> {
  const socket = `narwhal-test-${process.pid}-${++count}`
  const env = { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...options.env }
  const tmux = (...args: string[]) =>
    mustRun('tmux', ['-L', socket, '-f', '/dev/null', '-u', ...args], { cwd: project, env })
  atTestEnd(async () => {
    await runProgram('tmux', ['-L', socket, 'kill-server'], { env })
  })
  const size = ['-x', String(options.columns), '-y', String(options.rows)]
  // Ctrl-C is for the command: sh is to outlive it.
  const shell = `trap : INT; ${options.command}; exec sleep 1000`
  await tmux('new-session', '-d', ...size, 'sh', '-c', shell)
  return {
    screen: () => tmux('capture-pane', '-p'),
    colouredScreen: () => tmux('capture-pane', '-p', '-e'),
    press: async (key) => void (await tmux('send-keys', key)),
    resize: async (columns, rows) =>
      void (await tmux('resize-window', '-x', String(columns), '-y', String(rows))),
    pid: async () => Number(await tmux('display-message', '-p', '#{pane_pid}')),
  }
}
