import type { NetworkLink } from '../../host/network-link.ts'
import type { FigureKey } from './measurements.ts'

/** What a good cache on a gigabit network reaches. */
export const criteria = { hitMs: 100, throughputMbits: 800 } as const

/** Share of a link's speed that HTTP can carry: TCP/IP and Ethernet headers take the rest. */
const payloadShare = 0.9415
/** From this share of what a link can carry on, the link is the limit. */
const fullShare = 0.9

export interface VerdictInput {
  /** Medians over the rounds. */
  readonly figures: Readonly<Partial<Record<FigureKey, number>>>
  readonly link: NetworkLink
  /** What this machine's loopback carried; only where the cache is on it. */
  readonly loopbackMbits: number | undefined
  readonly answers: number
  readonly errors: number
  readonly errorTexts: readonly string[]
}

/** One criterion, judged. */
export interface Finding {
  readonly about: 'latency' | 'throughput' | 'errors'
  /** Undefined when it could not be judged. */
  readonly holds: boolean | undefined
  readonly sentence: string
}

/** Holds what was measured against what a good cache reaches, and against what the wire allows. */
export function judge(input: VerdictInput): Finding[] {
  return [judgeLatency(input), judgeThroughput(input), judgeErrors(input)]
}

function judgeLatency({ figures, link }: VerdictInput): Finding {
  const { hitMedianMs: median, hitP99Ms: p99 } = figures
  const about = 'latency'
  if (median === undefined || p99 === undefined)
    return { about, holds: undefined, sentence: 'Latency: no narinfo came whole.' }
  const holds = median < criteria.hitMs
  const judged = `a narinfo takes ${ms(median)}, 99 of 100 at most ${ms(p99)}; a good cache needs less than ${criteria.hitMs} ms`
  const own = Math.max(0, median - link.connectMs)
  const way =
    link.connectMs < 0.5
      ? ''
      : link.connectMs > median / 2
        ? ` ${ms(link.connectMs)} of it are the way there and back, ${ms(own)} the server: the distance is the limit.`
        : ` ${ms(link.connectMs)} of it are the way there and back, ${ms(own)} the server.`
  return { about, holds, sentence: `Latency ${yesNo(holds)}: ${judged}.${way}` }
}

function judgeThroughput({ figures, link, loopbackMbits }: VerdictInput): Finding {
  const about = 'throughput'
  const best = bestThroughput(figures)
  if (best === undefined)
    return { about, holds: undefined, sentence: 'Throughput: no NAR could be read.' }
  const { mbits, readers } = best
  const holds = mbits > criteria.throughputMbits
  const by = readers === 1 ? '1 reader' : `${readers} readers`
  const judged = `${whole(mbits)} Mbit/s with ${by}; a good cache needs more than ${criteria.throughputMbits}`
  const wire = judgeWire(mbits, link, loopbackMbits)
  return { about, holds, sentence: `Throughput ${yesNo(holds)}: ${judged}. ${wire}` }
}

function judgeWire(mbits: number, link: NetworkLink, loopbackMbits: number | undefined): string {
  const name = link.interface ?? 'the way there'
  if (link.isLoopback) {
    if (loopbackMbits === undefined) return 'The way there is this machine itself.'
    const share = `${whole(mbits)} of the ${whole(loopbackMbits)} Mbit/s that one connection over the loopback carries`
    return mbits >= fullShare * loopbackMbits
      ? `${share}: the machine is the limit, not the cache.`
      : `${share}; no wire is involved, so the processor, the disk or the cache is the limit.`
  }
  if (link.speedMbits === undefined)
    return `${name} does not tell its speed (wireless, virtual), so whether it is the limit cannot be said.`
  const payload = link.speedMbits * payloadShare
  const share = `${whole(mbits)} of the ${link.speedMbits} Mbit/s ${name} has, of which HTTP can carry ${whole(payload)}`
  if (payload <= criteria.throughputMbits)
    return `${share}: this link cannot reach ${criteria.throughputMbits}.`
  return mbits >= fullShare * payload
    ? `${share}: the wire is the limit.`
    : `${share}: the wire is not the limit.`
}

function judgeErrors({ answers, errors, errorTexts }: VerdictInput): Finding {
  const about = 'errors'
  if (errors === 0) return { about, holds: true, sentence: `No errors in ${answers} answers.` }
  const texts = errorTexts.join('; ')
  const all = answers + errors
  return { about, holds: false, sentence: `${errors} of ${all} requests failed: ${texts}.` }
}

function bestThroughput(figures: VerdictInput['figures']) {
  const all = ([1, 4, 16] as const)
    .map((readers) => ({ readers, megabytes: figures[`nar${readers}MBs`] }))
    .filter(({ megabytes }) => megabytes !== undefined)
    .map(({ readers, megabytes }) => ({ readers, mbits: (megabytes ?? 0) * 8 }))
  return all.length === 0 ? undefined : all.reduce((a, b) => (b.mbits > a.mbits ? b : a))
}

function yesNo(holds: boolean): string {
  return holds ? 'is good' : 'falls short'
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`
}

function whole(mbits: number): string {
  return String(Math.round(mbits))
}
