import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { ShownStatus } from '../status/read-status.ts'

/** A server whose recompression is in our hand. */
export interface Switched {
  readonly pid: number
  /** The configuration it reads again on SIGHUP. */
  readonly configFile: string
  status(): Promise<ShownStatus>
}

/** What became of the NARs that were there to be packed anew. */
export interface Recompressed {
  readonly nars: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Why some still wait although there was time: then there is nothing to be shown. */
  readonly unfinishedBecause?: string
}

const pollMs = 100
const reloadMs = 10_000
const patienceMs = 20_000
/** The server counts what waits once a second. */
const countedMs = 1_100

export async function writeConfig(configFile: string, isOn: boolean): Promise<void> {
  await writeFile(configFile, `[recompress]\nenabled = ${isOn}\n`)
}

/** Lets the server pack what it keeps, waits until all is done or patience ends, and stops it again. */
export async function recompressAll(server: Switched, signal: AbortSignal): Promise<Recompressed> {
  const before = (await server.status()).recompress
  await turn(server, true, signal)
  // What was counted before the last NAR came is out of date by then.
  await delay(countedMs, undefined, { signal })
  const isDone = ({ recompress }: ShownStatus) => recompress.queued + recompress.running === 0
  const last = await pollUntil(server, isDone, { timeoutMs: patienceMs, signal })
  await turn(server, false, signal)
  const { done, bytesBefore, bytesAfter, failed, pausedBecause, queued } = last.recompress
  const obstacle =
    failed > before.failed
      ? `${failed - before.failed} NARs could not be packed`
      : pausedBecause || `${queued} NARs still wait`
  return {
    nars: done - before.done,
    bytesBefore: bytesBefore - before.bytesBefore,
    bytesAfter: bytesAfter - before.bytesAfter,
    ...((!isDone(last) || failed > before.failed) && { unfinishedBecause: obstacle }),
  }
}

async function turn(server: Switched, isOn: boolean, signal: AbortSignal): Promise<void> {
  await writeConfig(server.configFile, isOn)
  process.kill(server.pid, 'SIGHUP')
  const hasTurned = ({ recompress }: ShownStatus) => recompress.isOn === isOn
  await pollUntil(server, hasTurned, { timeoutMs: reloadMs, signal })
}

/** @returns the last status read: one that holds, unless the time was up */
async function pollUntil(
  server: Switched,
  holds: (status: ShownStatus) => boolean,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ShownStatus> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const status = await server.status()
    if (holds(status) || performance.now() > deadline) return status
    await delay(pollMs, undefined, { signal })
  }
}
