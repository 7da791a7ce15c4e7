import { isIP } from 'node:net'
import type {
  LatencyReading,
  LinkReading,
  LossReading,
  ResentReading,
  ThroughputReading,
} from '../../advice/link/reading.ts'
import { AppError, isAppError } from '../../errors.ts'
import { isListening, measureHandshakes } from '../../host/link/connect-times.ts'
import { hasIperf3, measureWithIperf3 } from '../../host/link/iperf3.ts'
import { readDamagedFrames, readLocalEnd } from '../../host/link/local-end.ts'
import { measureTransfer } from '../../host/link/measure-transfer.ts'
import { ping, pingFull } from '../../host/link/ping.ts'
import { countedSince, readTcpCounters } from '../../host/link/tcp-counters.ts'
import { listOwnStore } from '../../host/own-store.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { ownVersion } from '../version.ts'
import { defaultPorts } from './ports.ts'

export interface MeasureLinkOptions {
  readonly address: string
  /** of --validate --listen there */
  readonly port: number
  /** for each direction */
  readonly seconds: number
  /** a narwhal to take NARs from, and nothing else */
  readonly url: URL | undefined
  /** of it; none: those of this machine's own store */
  readonly paths: readonly StoreHash[]
  readonly onProgress: (doing: string) => void
}

/**
 * Measures latency and loss while the link is idle, then fills it in both directions.
 *
 * @throws AppError LINK_SILENT when nobody answers there at all
 */
export async function measureLink(
  options: MeasureLinkOptions,
  signal: AbortSignal,
): Promise<LinkReading> {
  const { address, onProgress } = options
  const local = await localEnd(address)
  onProgress(`asking ${address} how far away it is`)
  const { latency, loss } = await measureLatency(options, signal)
  const { mtuBytes = 0 } = local
  const isJumbo = mtuBytes > 1500 && !local.isLoopback
  const takesFullPackets = isJumbo ? await pingFull({ address, mtuBytes }, signal) : undefined
  const damagedBefore = readDamagedFrames(local.interface)
  const { throughput, resent } = await measureThroughput(options, signal)
  const damagedAfter = readDamagedFrames(local.interface)
  const damagedFrames =
    damagedBefore === undefined || damagedAfter === undefined
      ? undefined
      : damagedAfter - damagedBefore
  const idle = { latency, loss, takesFullPackets }
  return { peerAddress: address, local, ...idle, resent, damagedFrames, throughput }
}

async function localEnd(address: string) {
  if (isIP(address) === 0)
    throw new AppError('BAD_USAGE', `${address} is no address: give the other end's with --address`)
  try {
    return await readLocalEnd(address)
  } catch (cause) {
    throw new AppError('LINK_SILENT', `no route leads to ${address}`, { cause })
  }
}

async function measureLatency(
  { address, port, url }: MeasureLinkOptions,
  signal: AbortSignal,
): Promise<{ latency: LatencyReading; loss: LossReading }> {
  const pinged = await ping(address, signal)
  if (pinged) return { latency: latencyOf('ping', pinged.timesMs), loss: pinged.loss }
  // No ping here, or it is not answered: TCP tells the same, an open port or not.
  const opened = await measureHandshakes({ address, port: portOf(url) ?? port }, signal)
  if (opened === undefined)
    throw new AppError('LINK_SILENT', `${address} answers neither ping nor TCP`)
  return { latency: latencyOf('tcp', opened.timesMs), loss: opened.loss }
}

function latencyOf(method: 'ping' | 'tcp', timesMs: readonly number[]): LatencyReading {
  const sorted = timesMs.toSorted((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { method, count: sorted.length, medianMs: at(0.5), p99Ms: at(0.99) }
}

interface Filled {
  readonly throughput: ThroughputReading | undefined
  readonly resent: ResentReading | undefined
}

/** iperf3 where both ends have it, else our own other end, else a running narwhal. */
async function measureThroughput(
  options: MeasureLinkOptions,
  signal: AbortSignal,
): Promise<Filled> {
  const { address, port, url } = options
  if (url) return { throughput: await withNars(url, options, signal), resent: undefined }
  if (await hasIperf3(address)) {
    const filled = await withIperf3(options, signal)
    if (filled) return filled
  }
  if (await isListening({ address, port })) return await withTransfer(options, signal)
  const narwhal = new URL(`http://${address}:${defaultPorts.narwhal}`)
  return { throughput: await withNars(narwhal, options, signal), resent: undefined }
}

async function withIperf3(
  { address, seconds, onProgress }: MeasureLinkOptions,
  signal: AbortSignal,
): Promise<Filled | undefined> {
  onProgress('sending, with iperf3')
  const sending = await measureWithIperf3({ address, seconds, isReverse: false }, signal)
  onProgress('receiving, with iperf3')
  const receiving = await measureWithIperf3({ address, seconds, isReverse: true }, signal)
  signal.throwIfAborted()
  if (sending === undefined || receiving === undefined) return undefined
  return {
    throughput: {
      method: 'iperf3',
      sending: sending.direction,
      receiving: receiving.direction,
    },
    resent: sum(sending.resent, receiving.resent),
  }
}

async function withTransfer(
  { address, port, seconds, onProgress }: MeasureLinkOptions,
  signal: AbortSignal,
): Promise<Filled> {
  const to = { address, port }
  const before = readTcpCounters()
  onProgress('sending')
  const sending = await measureTransfer(to, { direction: 'send', seconds }, signal)
  const resent = countedSince(before, readTcpCounters())
  onProgress('receiving')
  const receiving = await measureTransfer(to, { direction: 'receive', seconds }, signal)
  return { throughput: { method: 'narwhal', sending, receiving }, resent }
}

/** One direction only; undefined where no narwhal is there, or none that has what this machine has. */
async function withNars(
  url: URL,
  { paths, seconds, onProgress }: MeasureLinkOptions,
  signal: AbortSignal,
): Promise<ThroughputReading | undefined> {
  if (!(await isListening({ address: hostOf(url), port: portOf(url) ?? 80 }))) return undefined
  const { runBench } = await import('../bench/run.ts')
  try {
    const report = await runBench({
      urls: [url],
      named: paths,
      candidates: paths.length > 0 ? [] : (await listOwnStore()).map(({ hash }) => hash),
      rounds: 1,
      seconds,
      maxBytes: undefined,
      userAgent: `narwhal-direct-network/${ownVersion()}`,
      signal,
      onProgress: (doing) => onProgress(`NARs of ${url.origin}: ${doing}`),
    })
    const figures = report.caches[0]?.figures
    const best = Math.max(
      ...(['nar1MBs', 'nar4MBs', 'nar16MBs'] as const).map((key) => figures?.[key]?.median ?? 0),
    )
    if (!(best > 0)) return undefined
    const receiving = { mbits: best * 8, ownCpuShare: undefined, peerCpuShare: undefined }
    return { method: 'http', sending: undefined, receiving }
  } catch (error) {
    if (!isAppError(error, 'NO_CACHE', 'NOTHING_TO_ASK')) throw error
    onProgress(`${url.origin}: ${error.message}`)
    return undefined
  }
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function portOf(url: URL | undefined): number | undefined {
  if (url === undefined) return undefined
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}

function sum(
  a: ResentReading | undefined,
  b: ResentReading | undefined,
): ResentReading | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return { segments: a.segments + b.segments, resent: a.resent + b.resent }
}
