import { fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { askChild } from './ask-child.ts'
import { awaitRecompressed } from './await-recompressed.ts'
import { behind, favour } from './favour.ts'
import { runNix } from './nix-run.ts'
import { percentile } from './percentile.ts'
import type { HotRun } from './results.ts'
import type { Stage } from './stage.ts'

export interface ProbeSetting {
  readonly url: string
  readonly intervalMs: number
  readonly localAddress: string
}

export interface HotRunOptions {
  readonly stage: Stage
  /** Its narinfo is the hot one; it is not of the closure. */
  readonly hotHash: string
  readonly root: string
  readonly publicKey: string
  readonly directory: string
  /** Words before the client's command line. */
  readonly launcher: readonly string[]
  readonly signal: AbortSignal
}

const probe = fileURLToPath(new URL('hot-probe.ts', import.meta.url))
const quietSeconds = 5
/** Another loopback address makes the probe another client than the one that fetches the closure. */
const otherAddress = '127.0.0.2'

/**
 * Asks for a narinfo that the proxy has in memory, 200 times a second, first alone, then while a
 * client fetches the cold closure and while narwhal recompresses what came.
 */
export async function runHot(options: HotRunOptions): Promise<HotRun> {
  const { stage, hotHash, signal } = options
  const url = `${stage.url}/${hotHash}.narinfo`
  const setting: ProbeSetting = { url, intervalMs: 5, localAddress: otherAddress }
  const child = fork(probe, [JSON.stringify(setting)])
  favour(child.pid)
  const takeP99Ms = async () => percentile(await askChild<number[]>(child, 'latencies'), 0.99)
  try {
    await delay(1000, undefined, { signal }) // the first answers are not hot yet
    await takeP99Ms()
    await delay(quietSeconds * 1000, undefined, { signal })
    const quietP99Ms = await takeP99Ms()
    // What its unpacking takes from the proxy is nothing that the proxy does.
    const launcher = [...options.launcher, ...behind()]
    await runNix('realise', { ...options, launcher, url: stage.url })
    if (stage.contestant === 'narwhal') await awaitRecompressed(stage.url, signal)
    return { contestant: stage.contestant, quietP99Ms, busyP99Ms: await takeP99Ms() }
  } finally {
    child.kill('SIGKILL')
  }
}
