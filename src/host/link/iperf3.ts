import { execFile } from 'node:child_process'
import type { DirectionReading, ResentReading } from '../../advice/link/reading.ts'
import { isListening } from './connect-times.ts'

export const iperf3Port = 5201
/** Payload of one segment at MTU 1500, with timestamps. */
const segmentBytes = 1448

export interface Iperf3Reading {
  readonly direction: DirectionReading
  /** of the end that sent */
  readonly resent: ResentReading | undefined
}

/** True where this machine has iperf3 and one serves at the other end. */
export async function hasIperf3(address: string): Promise<boolean> {
  const isHere = await new Promise<boolean>((resolve) => {
    execFile('iperf3', ['--version'], (error) => resolve(error === null))
  })
  return isHere && (await isListening({ address, port: iperf3Port }))
}

/**
 * Measures one direction with iperf3.
 *
 * @param isReverse from the other end to this one
 * @returns undefined where it fails: the server may be busy, or gone
 */
export function measureWithIperf3(
  to: { readonly address: string; readonly seconds: number; readonly isReverse: boolean },
  signal: AbortSignal,
): Promise<Iperf3Reading | undefined> {
  const args = ['-c', to.address, '-J', '-t', String(Math.max(1, Math.round(to.seconds)))]
  if (to.isReverse) args.push('-R')
  const options = { signal, timeout: (to.seconds + 15) * 1000, maxBuffer: 16 * 2 ** 20 }
  return new Promise((resolve) => {
    execFile('iperf3', args, options, (_, stdout) => resolve(parseIperf3(stdout)))
  })
}

interface Report {
  readonly end?: {
    readonly sum_sent?: { readonly bytes?: number; readonly retransmits?: number }
    readonly sum_received?: { readonly bits_per_second?: number }
    readonly cpu_utilization_percent?: {
      readonly host_total?: number
      readonly remote_total?: number
    }
  }
}

/** Reads what `iperf3 -J` prints; undefined for an error. */
export function parseIperf3(text: string): Iperf3Reading | undefined {
  let report: Report
  try {
    report = JSON.parse(text) as Report
  } catch {
    return undefined
  }
  const { sum_sent: sent, sum_received: received, cpu_utilization_percent: cpu } = report.end ?? {}
  const bits = received?.bits_per_second
  if (bits === undefined || !Number.isFinite(bits)) return undefined
  const share = (percent: number | undefined) => (percent === undefined ? undefined : percent / 100)
  return {
    direction: {
      mbits: bits / 1e6,
      ownCpuShare: share(cpu?.host_total),
      peerCpuShare: share(cpu?.remote_total),
    },
    resent:
      sent?.bytes === undefined || sent.retransmits === undefined
        ? undefined
        : { segments: Math.ceil(sent.bytes / segmentBytes), resent: sent.retransmits },
  }
}
