import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../errors.ts'

/** A `narwhal serve` of our own, in a process of its own. */
export interface ProxyProcess extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** The last it wrote to stderr, 4 KiB at most. */
  said(): string
}

export interface ProxyOptions {
  readonly dataDir: string
  readonly upstreamUrl: string
  readonly trustedKey: string
  /** Without it, all is as it is by default. */
  readonly configFile?: string
  /** Words before the command line, such as `taskset -c 0`. */
  readonly launcher?: readonly string[]
  /** Words for Node itself, such as `--cpu-prof`. */
  readonly nodeFlags?: readonly string[]
}

/** glibc's settings, as npm start and the units have them. */
export const allocator = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' }

/** The command line's entry: main.ts in a checkout, main.js where it is installed. */
const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url))

/**
 * Starts the real server on a free port and waits until it listens. Disposing of it stops it.
 *
 * @throws AppError SERVE_FAILED, with the last it said, when it ends before it listens
 */
export async function startProxy(options: ProxyOptions): Promise<ProxyProcess> {
  const [program = process.execPath, ...words] = [
    ...(options.launcher ?? []),
    ...[process.execPath, ...(options.nodeFlags ?? []), main, 'serve'],
    ...['--listen', '127.0.0.1:0', '--data-dir', options.dataDir],
    ...['--upstream', options.upstreamUrl, '--trusted-key', options.trustedKey],
    ...['--log-level', 'warn'],
    ...(options.configFile === undefined ? [] : ['--config', options.configFile]),
  ]
  const child = spawn(program, words, { env: ownEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text).slice(-4096)
  })
  try {
    const url = await addressIn(child)
    child.stdout.resume()
    const pid = child.pid as number
    return { url, pid, said: () => said, [Symbol.asyncDispose]: () => stop(child) }
  } catch (cause) {
    await stop(child)
    throw new AppError('SERVE_FAILED', `narwhal serve did not start: ${said.trim()}`, { cause })
  }
}

/** What the user set for a narwhal of their own must not change what the demo shows. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('NARWHAL_'))
  return { ...Object.fromEntries(entries), ...allocator }
}

async function addressIn(child: ChildProcess): Promise<string> {
  if (child.pid === undefined) await once(child, 'error').then(([cause]) => Promise.reject(cause))
  if (child.stdout === null) throw new Error('no stdout')
  for await (const line of createInterface(child.stdout)) {
    const url = /^narwhal listens on (http:\S+)$/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  throw new Error('it ended without a word about its address')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(impatience)
}
