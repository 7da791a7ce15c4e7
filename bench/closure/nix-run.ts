import { spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { makeNixHome } from '../../test/support/nix-home.ts'
import { removeTree } from '../../test/support/temp-dir.ts'

/** `copy` fetches one NAR at a time, `realise` several. */
export type NixCommand = 'copy' | 'realise'

export interface NixRun {
  readonly wallMs: number
  /** Nix and what it started, in the kernel too. */
  readonly cpuSeconds: number
}

export interface NixOptions {
  readonly url: string
  readonly root: string
  readonly publicKey: string
  /** For the client's store and memory, which are gone afterwards; a tmpfs is best. */
  readonly directory: string
  /** Words before Nix's command line, such as `taskset -c 0`. */
  readonly launcher: readonly string[]
  readonly signal: AbortSignal
}

/**
 * Downloads at once: what newer versions have as max-substitution-jobs, with 16 for its default.
 * Nix 2.8 takes max-jobs for it, which is 1 if nothing is set.
 */
const parallelDownloads = '16'

/**
 * Fetches a closure with the real Nix, whose store is empty and which remembers nothing.
 *
 * @throws Error with what Nix said when it fails
 */
export async function runNix(command: NixCommand, options: NixOptions): Promise<NixRun> {
  const home = await mkdtemp(join(options.directory, 'narwhal-bench-client-'))
  try {
    const env = await makeNixHome(home)
    const words = [
      ...options.launcher,
      ...commandLine(command, options, join(home, 'store')),
      ...['--option', 'trusted-public-keys', options.publicKey],
    ]
    const startMs = performance.now()
    const { stdout, stderr, code } = await run(words, env, options.signal)
    const wallMs = performance.now() - startMs
    if (code !== 0) throw new Error(`${words.join(' ')} failed:\n${stderr.slice(-2000)}`)
    return { wallMs, cpuSeconds: childSecondsIn(stdout) }
  } finally {
    await removeTree(home)
  }
}

/**
 * What a shell's `times` tells of its children, in its second line: "0m1.70s 0m0.02s".
 *
 * @returns seconds, user and system together
 */
export function childSecondsIn(times: string): number {
  const children = times.trim().split('\n')[1] ?? ''
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  )
}

function commandLine(command: NixCommand, { url, root }: NixOptions, store: string): string[] {
  if (command === 'copy') return ['nix', 'copy', '--from', url, '--to', store, root]
  return [
    ...['nix-store', '--store', store, '--realise', root],
    ...['--option', 'substituters', url, '--option', 'max-jobs', parallelDownloads],
  ]
}

async function run(words: readonly string[], env: Record<string, string>, signal: AbortSignal) {
  const script = '"$@" >/dev/null; code=$?; times; exit $code'
  const child = spawn('sh', ['-c', script, 'sh', ...words], {
    ...{ env, detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 255))
  })
  // The shell alone would end at the signal, and Nix go on.
  const onAbort = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const [code, stdout, stderr] = await Promise.all([
      ended,
      text(child.stdout),
      text(child.stderr),
    ])
    return { code, stdout, stderr }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
