import { Agent } from 'node:http'
import { MiB } from '../../src/units.ts'
import { download } from './download.ts'

export interface LineCheck {
  /** A request and its answer on a connection that is open. */
  readonly rttMs: number
  /** The same on a new connection: two round trips, or three where connections are dear. */
  readonly firstRequestMs: number
  readonly bytesPerSecond: number
}

export interface LineCheckOptions {
  readonly url: string
  /** A large file behind the line. */
  readonly largeUrl: string
  readonly rttMs: number
  readonly bytesPerSecond: number
  readonly isDear?: boolean
}

/** Of the bandwidth that was asked for; below it the relay is the bottleneck, not the line. */
const leastShare = 0.9
/** So much is fetched each time, at most. */
const maxSeconds = 1
/** When so much has come slow start is over, where there is one. */
export const slowStartBytes = 16 * MiB
/** The best counts: what else the machine does may slow the reader down, and is not the relay. */
const tries = 4

/**
 * Measures a line before anything relies on it.
 *
 * @throws Error when it is not what it was set to be: every figure behind it would be a lie
 */
export async function checkLine(options: LineCheckOptions): Promise<LineCheck> {
  const infoUrl = `${options.url}/nix-cache-info`
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    const { wallMs: firstRequestMs } = await download(infoUrl, { agent })
    const times: number[] = []
    for (let time = 0; time < 9; time++) times.push((await download(infoUrl, { agent })).wallMs)
    const rttMs = Math.min(...times)
    let bytesPerSecond = 0
    for (let time = 0; time < tries; time++)
      bytesPerSecond = Math.max(bytesPerSecond, await bandwidth(options, agent))
    const checked = { rttMs, firstRequestMs, bytesPerSecond }
    complain(checked, options)
    return checked
  } finally {
    agent.destroy()
  }
}

/** Bytes of a second after the first one has come, so that the delay does not count. */
async function bandwidth(
  { largeUrl, bytesPerSecond, isDear }: LineCheckOptions,
  agent: Agent,
): Promise<number> {
  const maxBytes = Math.ceil(bytesPerSecond * maxSeconds)
  const { bytes, wallMs, firstByteMs } = await download(largeUrl, {
    ...{ agent, maxBytes },
    skipBytes: isDear ? slowStartBytes : 0,
  })
  return (bytes / (wallMs - firstByteMs)) * 1000
}

function complain(checked: LineCheck, { rttMs, bytesPerSecond }: LineCheckOptions): void {
  if (checked.bytesPerSecond < leastShare * bytesPerSecond)
    throw new Error(
      `the relay carries ${mbit(checked.bytesPerSecond)} Mbit/s of the ${mbit(bytesPerSecond)} it is set to; give a smaller --bandwidth`,
    )
  const lateMs = checked.rttMs - rttMs
  if (lateMs < 0 || lateMs > 5 + rttMs / 10)
    throw new Error(
      `a round trip takes ${checked.rttMs.toFixed(1)} ms instead of ${rttMs}; is the machine too busy?`,
    )
}

function mbit(bytesPerSecond: number): string {
  return ((bytesPerSecond * 8) / 1e6).toFixed(0)
}
