import { execFile } from 'node:child_process'
import type { LossReading } from '../../advice/link/reading.ts'

export interface PingReading {
  /** round trips, in milliseconds, as they came back */
  readonly timesMs: readonly number[]
  readonly loss: LossReading
}

/** How often, how far apart: some systems do not let everybody ask so often. */
const paces = [
  { count: 300, intervalSeconds: '0.01' },
  { count: 30, intervalSeconds: '0.2' },
  { count: 5, intervalSeconds: '1' },
] as const

/**
 * Sends ICMP echoes with the system's ping.
 *
 * @returns undefined where there is no ping, it may not, or nothing at all came back: then other ways
 * must tell whether anybody is there
 */
export async function ping(address: string, signal: AbortSignal): Promise<PingReading | undefined> {
  for (const { count, intervalSeconds } of paces) {
    const args = ['-n', '-c', String(count), '-i', intervalSeconds, '-W', '1', address]
    const text = await run(args, signal)
    signal.throwIfAborted()
    if (text === undefined) return undefined
    const reading = parsePing(text)
    if (reading !== undefined) return reading.timesMs.length > 0 ? reading : undefined
  }
  return undefined
}

/** Bytes of an ICMP echo that are header: IP and ICMP. */
const headerBytes = 28

/**
 * Sends echoes as large as the interface lets them be, which nobody may cut up.
 *
 * @returns undefined where there is no ping, or one that cannot do this
 */
export async function pingFull(
  to: { readonly address: string; readonly mtuBytes: number },
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const size = String(to.mtuBytes - headerBytes)
  const args = ['-n', '-M', 'do', '-s', size, '-c', '3', '-i', '0.2', '-W', '1', to.address]
  const text = await run(args, signal)
  const reading = text === undefined ? undefined : parsePing(text)
  return reading === undefined ? undefined : reading.loss.received > 0
}

/** Reads what ping of iputils or BusyBox prints; undefined where it sent nothing. */
export function parsePing(text: string): PingReading | undefined {
  const timesMs = [...text.matchAll(/ time[=<]([\d.]+) ?ms/g)].map(([, time]) => Number(time))
  const summary = /(\d+) packets transmitted, (\d+)(?: packets)? received/.exec(text)
  if (!summary || Number(summary[1]) === 0) return undefined
  return {
    timesMs,
    loss: { method: 'ping', sent: Number(summary[1]), received: Number(summary[2]) },
  }
}

/** @returns what it printed, whatever its exit; undefined where there is no such program */
function run(args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C' }
    execFile('ping', args, { env, signal, timeout: 30_000 }, (error, stdout) => {
      const isMissing = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT'
      resolve(isMissing ? undefined : stdout)
    })
  })
}
