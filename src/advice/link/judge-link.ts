import type { Alternative, Statement, Verdict } from '../verdict.ts'
import type { DirectionReading, LinkReading, ThroughputReading } from './reading.ts'
import { type Remedy, remediesFor } from './remedies.ts'

/** What a direct gigabit link reaches. */
export const linkCriteria = {
  latencyMs: 1,
  /** of the link itself; what HTTP carries over it is less */
  throughputMbits: 900,
  httpMbits: 800,
  lostPackets: 0,
  /** Of the segments sent under full load; more counts where the link is too slow as well. */
  resentShare: 0.001,
} as const

/** One criterion, judged. */
export interface LinkFinding {
  readonly about: 'path' | 'latency' | 'loss' | 'throughput'
  /** undefined: it could not be seen */
  readonly holds: boolean | undefined
  readonly statement: Statement
}

export interface LinkJudgement {
  readonly findings: readonly LinkFinding[]
  readonly verdict: Verdict
}

/** Holds what was measured against what a direct cable does, and says what to mend. */
export function judgeLink(reading: LinkReading): LinkJudgement {
  const findings = [
    judgePath(reading),
    judgeLatency(reading),
    judgeLoss(reading),
    ...judgeThroughput(reading),
  ].filter((finding) => finding !== undefined)
  return { findings, verdict: verdictOf(reading, findings) }
}

function verdictOf(reading: LinkReading, findings: readonly LinkFinding[]): Verdict {
  const question = `Does the link to ${reading.peerAddress} do what a direct cable does?`
  const failed = findings.filter(({ holds }) => holds === false).map(({ statement }) => statement)
  const [reason, ...reasons] = failed
  if (reason !== undefined) {
    const [first, ...rest] = remediesFor(reading, failedOf(findings)).map(asAlternative)
    // remediesFor never comes back empty for a failure.
    return {
      question,
      answer: 'no',
      because: [reason, ...reasons],
      instead: [first as Alternative, ...rest],
    }
  }
  const [good, ...more] = findings.map(({ statement }) => statement)
  const because = [good as Statement, ...more] as const
  if (reading.throughput !== undefined) return { question, answer: 'yes', because }
  return { question, answer: 'yes, if', because, conditions: [measureToo] }
}

const measureToo =
  'it is fast enough both ways: run "narwhal direct-network --validate --listen" on the other end and validate again'

function failedOf(findings: readonly LinkFinding[]): ReadonlySet<LinkFinding['about']> {
  return new Set(findings.filter(({ holds }) => holds === false).map(({ about }) => about))
}

function asAlternative({ text, cost }: Remedy): Alternative {
  return { kind: 'workaround', text, ...(cost !== undefined && { cost }) }
}

/** Undefined where there is nothing to say against the way. */
function judgePath({ local, peerAddress, takesFullPackets }: LinkReading): LinkFinding | undefined {
  const name = local.interface
  const why = local.isLoopback
    ? `${peerAddress} is this machine itself`
    : local.isWifi
      ? `${peerAddress} is reached over ${name}, which is WiFi`
      : local.hasDefaultRoute
        ? `${peerAddress} is reached over ${name}, the way to everything else: no cable of its own`
        : local.duplex === 'half'
          ? `${name} runs at half duplex: the ends cannot send at once`
          : takesFullPackets === false
            ? `packets of ${local.mtuBytes} bytes, which ${name} may send, do not come back`
            : undefined
  if (why === undefined) return undefined
  return {
    about: 'path',
    holds: false,
    statement: {
      text: `Not the way it should be: ${why}.`,
      source: 'the routing table, and what the interface has negotiated',
      check: `ip route get ${peerAddress}; ethtool ${name ?? 'IF'}; ip link show ${name ?? 'IF'}`,
    },
  }
}

function judgeLatency({ latency, peerAddress }: LinkReading): LinkFinding {
  const { method, count, medianMs, p99Ms } = latency
  const holds = medianMs < linkCriteria.latencyMs
  const what = method === 'ping' ? 'a ping' : 'opening a TCP connection'
  return {
    about: 'latency',
    holds,
    statement: {
      text: `Latency ${judged(holds)}: ${what} takes ${ms(medianMs)} (median), 99 of 100 at most ${ms(p99Ms)}; a direct cable needs less than ${linkCriteria.latencyMs} ms.`,
      formula: `median of ${count} = ${ms(medianMs)} ${holds ? '<' : '≥'} ${linkCriteria.latencyMs} ms`,
      source: method === 'ping' ? 'ICMP echo, measured now' : 'TCP handshakes, measured now',
      check: `ping -c 100 -i 0.2 ${peerAddress}`,
    },
  }
}

/**
 * What is lost while the link is idle is a fault. What TCP sends twice under full load is one only
 * where the link is also too slow: a sender that is faster than the receiver makes up for it.
 */
function judgeLoss(reading: LinkReading): LinkFinding {
  const { loss, resent, damagedFrames, peerAddress, local } = reading
  const lost = loss.sent - loss.received
  const resentShare = resent === undefined ? 0 : resent.resent / Math.max(1, resent.segments)
  const isResendingBad = resentShare > linkCriteria.resentShare && isTooSlow(reading)
  const holds = lost <= linkCriteria.lostPackets && !isResendingBad && !damagedFrames
  const what = loss.method === 'ping' ? 'pings' : 'handshakes'
  const seen = [
    `${lost} of ${loss.sent} ${what} lost`,
    resent && `${resent.resent} of ${resent.segments} TCP segments sent twice under load`,
    damagedFrames === undefined ? undefined : `${damagedFrames} frames damaged`,
  ].filter((part) => part !== undefined)
  return {
    about: 'loss',
    holds,
    statement: {
      text: `Loss ${judged(holds)}: ${seen.join(', ')}; a direct cable loses nothing.`,
      formula: `${lost} / ${loss.sent} = ${percent(lost / loss.sent)}`,
      source: `${loss.method === 'ping' ? 'ICMP echo' : 'TCP handshakes'} on the idle link, then TCP and the card while it was full`,
      check: `ping -c 300 -i 0.2 ${peerAddress}; ip -s link show ${local.interface ?? ''}`.trim(),
    },
  }
}

/** @returns false where the throughput is not known */
function isTooSlow({ throughput }: LinkReading): boolean {
  if (throughput === undefined) return false
  const { sending, receiving } = throughput
  return [sending, receiving].some(
    (one) => one !== undefined && one.mbits <= leastMbits(throughput),
  )
}

function leastMbits({ method }: ThroughputReading): number {
  return method === 'http' ? linkCriteria.httpMbits : linkCriteria.throughputMbits
}

function judgeThroughput(reading: LinkReading): LinkFinding[] {
  const { throughput, peerAddress } = reading
  if (throughput === undefined)
    return [
      {
        about: 'throughput',
        holds: undefined,
        statement: {
          text: 'Throughput is not known: nothing at the other end takes or sends bytes.',
          source: 'no answer from iperf3, from "--validate --listen" or from narwhal',
          check: 'narwhal direct-network --validate --listen   (on the other end)',
        },
      },
    ]
  const { method, sending, receiving } = throughput
  const least = leastMbits(throughput)
  const judge = (direction: DirectionReading, to: string): LinkFinding => {
    const holds = direction.mbits > least
    return {
      about: 'throughput',
      holds,
      statement: {
        text: `Throughput ${to} ${judged(holds)}: ${Math.round(direction.mbits)} Mbit/s; a direct gigabit cable carries more than ${least}${method === 'http' ? ' of HTTP' : ''}.`,
        formula: `${Math.round(direction.mbits)} ${holds ? '>' : '≤'} ${least} Mbit/s${atMost(reading)}`,
        source: `${methodName[method]}, measured now`,
        check: `iperf3 -c ${peerAddress}${to === 'from there' ? ' -R' : ''}   (iperf3 -s on the other end)`,
      },
    }
  }
  return [...(sending ? [judge(sending, 'to there')] : []), judge(receiving, 'from there')]
}

/** What the link could carry at best, where it tells its speed. */
function atMost({ local: { speedMbits, mtuBytes = 1500 } }: LinkReading): string {
  if (speedMbits === undefined) return ''
  const [payload, frame] = [mtuBytes - 52, mtuBytes + 38]
  const most = Math.round((speedMbits * payload) / frame)
  return `, of at most ${speedMbits} × ${payload} / ${frame} = ${most}`
}

const methodName = {
  iperf3: 'iperf3',
  narwhal: "narwhal's own transfer",
  http: 'NARs from narwhal',
} as const

function judged(holds: boolean): string {
  return holds ? 'is good' : 'falls short'
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}
