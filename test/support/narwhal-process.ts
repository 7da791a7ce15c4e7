import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import packageFacts from '../../package.json' with { type: 'json' }
import { atTestEnd } from './at-test-end.ts'
import { lastingPort } from './lasting-port.ts'
import { tempDir } from './temp-dir.ts'

const project = join(import.meta.dirname, '..', '..')
/** Flags and environment of `npm start`, so that tests measure what users run. */
const nodeFlags =
  /\bnode ((?:--\S+ )*)src\//.exec(packageFacts.scripts.start)?.[1]?.trim().split(' ') ?? []
const allocator = Object.fromEntries(
  [...packageFacts.scripts.start.matchAll(/\b(MALLOC_\w+)=(\d+)/g)].map(([, name, value]) => [
    name,
    value,
  ]),
)
const compileCache = /NODE_COMPILE_CACHE=(\S+)/.exec(packageFacts.scripts.start)?.[1] ?? ''
/** For a machine that is many times slower than a quiet one; a test ends sooner where all is well. */
const startTimeoutMs = 60_000
/** Less than what a server waits for clients that do not end. */
const stopTimeoutMs = 60_000

export interface NarwhalOptions {
  /** URLs, best first */
  readonly upstreams: readonly string[]
  /** "name:base64" each */
  readonly trustedKeys: readonly string[]
  /** default: a new one, removed at the end of the test */
  readonly dataDir?: string
  /** more command line for `serve` */
  readonly args?: readonly string[]
  /** put before the node command: `strace -f …`, `prlimit --nofile=128` */
  readonly wrapper?: readonly string[]
  /** added to the environment; NARWHAL_… of the machine is not passed on */
  readonly env?: Readonly<Record<string, string>>
}

/** The real server in a process of its own. */
export interface NarwhalProcess extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** of the server, or of the wrapper where there is one */
  readonly pid: number
  readonly dataDir: string
  /** all it has logged, over restarts too */
  readonly stderr: string
  /** all it has printed: one line per start */
  readonly stdout: string
  /** waits until the log matches */
  logged(pattern: RegExp): Promise<void>
  /** SIGTERM, then waits; @returns the exit code, undefined when a signal ended it */
  stop(): Promise<number | undefined>
  /** sends a signal to it alone and does not wait */
  signal(name: NodeJS.Signals): void
  /** waits for its end and its last word; @returns as stop() does */
  ended(): Promise<number | undefined>
  /** closes the pipes it logs and prints to: from now on it writes to nobody */
  hangUp(): void
  /** SIGKILL: a power cut as far as the process can tell */
  kill(): Promise<void>
  /** stops it where it still runs and starts it on the same data directory and port */
  restart(): Promise<void>
  /** resident memory, in bytes */
  rssBytes(): Promise<number>
  /** number of open file descriptors */
  openFiles(): Promise<number>
}

/**
 * Starts `narwhal serve` on a free port and waits for the line with its address.
 * Killed at the end of the test, whatever happens.
 *
 * @throws Error with its log when it exits or says nothing for a minute
 */
export async function startNarwhal(options: NarwhalOptions): Promise<NarwhalProcess> {
  const dataDir = options.dataDir ?? (await tempDir('data'))
  const output = { stdout: '', stderr: '', listeners: new Set<() => void>() }
  let port = await lastingPort()
  let child: ChildProcess
  let over: Promise<unknown>
  await start()

  const narwhal: NarwhalProcess = {
    get url() {
      return `http://127.0.0.1:${port}`
    },
    get port() {
      return port
    },
    get pid() {
      return child.pid ?? 0
    },
    dataDir,
    get stdout() {
      return output.stdout
    },
    get stderr() {
      return output.stderr
    },
    logged: (pattern) => until(() => pattern.test(output.stderr), `${pattern} in the log`),
    async stop() {
      await end('SIGTERM')
      return child.exitCode ?? undefined
    },
    signal: (name) => void child.kill(name),
    async ended() {
      await over
      return child.exitCode ?? undefined
    },
    hangUp() {
      child.stdout?.destroy()
      child.stderr?.destroy()
    },
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM')
      await start()
    },
    async rssBytes() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
    },
    openFiles: async () => (await readdir(`/proc/${child.pid}/fd`)).length,
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  }
  atTestEnd(() => end('SIGKILL'))
  return narwhal

  async function start(): Promise<void> {
    const [program = process.execPath, ...args] = [
      ...(options.wrapper ?? []),
      process.execPath,
      ...nodeFlags,
      join(project, 'src', 'cli', 'main.ts'),
      'serve',
      ...['--listen', `127.0.0.1:${port}`, '--data-dir', dataDir],
      ...options.upstreams.flatMap((url) => ['--upstream', url]),
      ...options.trustedKeys.flatMap((key) => ['--trusted-key', key]),
      ...(options.args ?? []),
    ]
    const env = {
      PATH: process.env.PATH ?? '',
      NO_COLOR: '1',
      ...allocator,
      NODE_COMPILE_CACHE: join(project, compileCache),
      ...options.env,
    }
    // a directory of the test's own: no configuration file of this machine is picked up
    child = spawn(program, args, {
      cwd: dataDir,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    killWithUs(child)
    // not its exit: what it logged last may still be on its way to us then
    over = once(child, 'close')
    const printedBefore = output.stdout.length
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
        for (const listener of output.listeners) listener()
      })
    }
    child.on('exit', () => {
      for (const listener of output.listeners) listener()
    })
    const address = () =>
      /listens on http:\/\/[^\s]+:(\d+)\n/.exec(output.stdout.slice(printedBefore))
    await until(() => address() !== null || hasEnded(child), 'the line with its address')
    const found = address()
    if (found === null) await over
    if (found === null) throw new Error(`narwhal ended (${child.exitCode}):\n${output.stderr}`)
    port = Number(found[1])
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const tooLong = setTimeout(() => signalGroup(child, 'SIGKILL'), stopTimeoutMs)
    signalGroup(child, signal)
    await over
    clearTimeout(tooLong)
  }

  function until(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => finish(new Error(`waited in vain for ${what}:\n${output.stderr}`)),
        startTimeoutMs,
      )
      const check = () => {
        if (condition()) finish()
      }
      const finish = (error?: Error) => {
        clearTimeout(timer)
        output.listeners.delete(check)
        if (error === undefined) resolve()
        else reject(error)
      }
      output.listeners.add(check)
      check()
    })
  }
}

/** Reaches the server behind a wrapper too: strace keeps a SIGTERM to itself, and dies alone of a SIGKILL. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || hasEnded(child)) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // It ended by itself a moment ago.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

// a test run that is itself ended leaves no server behind
function killWithUs(child: ChildProcess): void {
  const kill = () => signalGroup(child, 'SIGKILL')
  process.on('exit', kill)
  child.on('exit', () => process.off('exit', kill))
}
