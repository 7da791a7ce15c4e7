import { figures } from '../figures.ts'
import type { Statement } from '../verdict.ts'

export const gigabit = 1e9
/** What TCP carries over a gigabit link, in bytes per second. */
export const payload = (gigabit * figures.gigabitPayloadShare.value) / 8
const validate = 'narwhal direct-network --validate'

/** One way to join two machines, as a row of a table. */
export interface Way {
  readonly way: 'wifi' | 'switch' | 'cable'
  readonly name: string
  /** round trips people see, in milliseconds */
  readonly latencyMs: readonly [number, number]
  readonly bandwidth: string
  readonly cost: string
}

export const ways: readonly Way[] = [
  {
    way: 'wifi',
    name: 'WiFi',
    latencyMs: [figures.wifiLatencyLowMs.value, figures.wifiLatencyHighMs.value],
    bandwidth: 'about half of its rate, shared by air with everybody',
    cost: 'nothing',
  },
  {
    way: 'switch',
    name: 'switch or router',
    latencyMs: [figures.switchLatencyLowMs.value, figures.switchLatencyHighMs.value],
    bandwidth: '941 Mbit/s, shared with who else uses the port',
    cost: 'two cables, and a switch where there is none',
  },
  {
    way: 'cable',
    name: 'direct cable',
    latencyMs: [figures.cableLatencyLowMs.value, figures.cableLatencyHighMs.value],
    bandwidth: '941 Mbit/s of its own',
    cost: `about $${figures.cableDollars.value}, and a free port at both ends`,
  },
]

const payloadStatement: Statement = {
  text: 'A gigabit link carries 941.5 Mbit/s of payload; the rest is headers and gaps.',
  formula: '1000 Mbit/s × 1448 B / 1538 B = 941.5 Mbit/s = 117.7 MB/s',
  source: figures.gigabitPayloadShare.source,
  check: 'iperf3 -c HOST',
}

const jumboStatement: Statement = {
  text: 'Jumbo frames (--mtu 9000) add 5 %; both ends must agree, so they are off unless asked for.',
  formula: '1000 Mbit/s × 8948 B / 9038 B = 990.0 Mbit/s = 123.8 MB/s; 123.8 / 117.7 = 1.05',
  source: figures.jumboPayloadShare.source,
  check: 'ip link show IF; ping -M do -s 8972 HOST',
}

const roundTripsStatement: Statement = {
  text: 'Latency counts because Nix asks one question after another: nix copy of 300 paths makes 600 round trips.',
  formula:
    '300 narinfos + 300 NARs = 600; 600 × 6 ms = 3.6 s over WiFi, 600 × 0.3 ms = 0.2 s over the cable',
  source: 'docs/performance.md; the middle of the ranges above',
  check: 'narwhal bench http://HOST:5000',
}

const switchStatement: Statement = {
  text: 'The 1 to 3 ms of a switch are what users see end to end: busy routers, bridged WiFi, power saving. The switch itself adds microseconds; on a quiet gigabit switch expect 0.2 to 0.6 ms.',
  formula: '1538 B × 8 / 1 Gbit/s = 12.3 µs for a full packet, each way',
  source: 'store and forward: a switch sends a packet on when it has it whole',
  check: 'ping -c 100 HOST',
}

const tuningStatement: Statement = {
  text: 'BBR and large buffers gain nothing on a cable: what is on its way fits every default buffer, and nothing is lost. They help long, lossy paths (--tune).',
  formula:
    'bandwidth × round trip = 1 Gbit/s × 0.5 ms / 8 = 62.5 kB; Linux grows a buffer to 6 MiB by itself',
  source: 'tcp(7): tcp_rmem, tcp_wmem',
  check: 'sysctl net.ipv4.tcp_rmem',
}

/** What the advice rests on, whatever the machine. */
export const linkArithmetic: readonly Statement[] = [
  payloadStatement,
  jumboStatement,
  roundTripsStatement,
  switchStatement,
  tuningStatement,
]

/** What a link gains, said with its configuration. */
export const linkBenefit: readonly Statement[] = [
  {
    text: `A cable of their own takes ${figures.cableLatencyLowMs.value} to ${figures.cableLatencyHighMs.value} ms there and back, and nobody shares it; WiFi takes ${figures.wifiLatencyLowMs.value} to ${figures.wifiLatencyHighMs.value} ms.`,
    source: figures.cableLatencyLowMs.source,
    check: validate,
  },
  payloadStatement,
]
