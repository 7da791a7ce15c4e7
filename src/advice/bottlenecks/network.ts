import type { Bottleneck } from '../bottleneck.ts'
import { figures } from '../figures.ts'
import type { Link, Machine } from '../machine.ts'
import { memoryBudget } from '../memory-budget.ts'
import { formatBitSpeed, formatByteSpeed, formatShare } from '../rates.ts'
import { deliveredBytesPerSecond, mainLink, xzStreamBytesPerSecond } from '../speeds.ts'
import type { Alternative } from '../verdict.ts'

const lossShare = 0.001
const gigabit = 1e9
const isPoint = 'ethtool, speed and duplex; ip -s link'

const cable: Alternative = {
  kind: 'upgrade',
  text: 'A network cable between the two machines: narwhal direct-network --advise.',
  cost: 'about $5',
}

/** What is wrong with the link clients come over, or bounds the machine by it. */
export function networkBottlenecks(machine: Machine): Bottleneck[] {
  const link = mainLink(machine)
  if (!link) return []
  return [
    ...down(link),
    ...loss(machine),
    ...halfDuplex(link),
    ...wifi(link),
    ...slowEthernet(link),
    ...xzStream(machine),
  ]
}

function down({ isUp, name }: Link): Bottleneck[] {
  if (isUp !== false) return []
  return [
    {
      id: 'link-down',
      part: 'network',
      severity: 'fault',
      statement: {
        text: `The link ${name} is down.`,
        source: 'operstate of the kernel',
        check: `ip link show ${name}`,
      },
      actions: [{ kind: 'workaround', text: 'Check the cable at both ends, then the port.' }],
    },
  ]
}

function loss({ measured }: Machine): Bottleneck[] {
  const { linkLoss } = measured
  if (linkLoss === undefined || linkLoss <= lossShare) return []
  return [
    {
      id: 'packet-loss',
      part: 'network',
      severity: 'fault',
      statement: {
        text: `${formatShare(linkLoss)} of the packets are lost; TCP slows down with each.`,
        formula: `${formatShare(linkLoss)} > ${formatShare(lossShare)}`,
        source: 'measured here; a cable loses none',
        check: 'ping -c 100 -i 0.2 cache; narwhal direct-network --validate',
      },
      actions: [
        { kind: 'workaround', text: 'Another cable, then another port of the switch.' },
        cable,
      ],
    },
  ]
}

function halfDuplex({ duplex, name }: Link): Bottleneck[] {
  if (duplex !== 'half') return []
  return [
    {
      id: 'half-duplex',
      part: 'network',
      severity: 'fault',
      statement: {
        text: `The link ${name} runs half duplex: both ends wait for each other.`,
        source: 'negotiated by the network card',
        check: isPoint,
      },
      actions: [
        {
          kind: 'workaround',
          text: 'Let both ends negotiate: a port set by hand at one end makes half duplex of the other.',
        },
        { kind: 'workaround', text: 'Another cable: one of its pairs may be broken.' },
      ],
    },
  ]
}

function wifi({ kind, bitsPerSecond }: Link): Bottleneck[] {
  if (kind !== 'wifi') return []
  const rate =
    bitsPerSecond === undefined
      ? 'its rate is not known'
      : `${formatBitSpeed(bitsPerSecond)} × ${figures.wifiShare.value} = ${formatBitSpeed(bitsPerSecond * figures.wifiShare.value)}`
  return [
    {
      id: 'wifi',
      part: 'network',
      severity: 'limit',
      statement: {
        text: 'Clients come over WiFi: 2 to 10 ms and a rate that changes, against 0.1 to 0.5 ms and a gigabit on a cable.',
        formula: `${rate}; a cable carries ${formatBitSpeed(gigabit * figures.gigabitPayloadShare.value)}`,
        source: figures.wifiShare.source,
        check: 'iw dev; ping -c 20 cache; narwhal bench http://cache:5000',
      },
      actions: [cable],
    },
  ]
}

function slowEthernet(link: Link): Bottleneck[] {
  const { kind, bitsPerSecond, name } = link
  if (kind === 'wifi' || bitsPerSecond === undefined || bitsPerSecond >= gigabit) return []
  return [
    {
      id: 'slow-link',
      part: 'network',
      severity: bitsPerSecond <= 100e6 ? 'warning' : 'limit',
      statement: {
        text: `The link ${name} runs at ${formatBitSpeed(bitsPerSecond)}, less than a gigabit.`,
        formula: `${formatBitSpeed(bitsPerSecond)} × ${figures.gigabitPayloadShare.value} / 8 = ${formatByteSpeed((bitsPerSecond * figures.gigabitPayloadShare.value) / 8)}`,
        source: figures.gigabitPayloadShare.source,
        check: isPoint,
      },
      actions: [
        {
          kind: 'workaround',
          text: 'Another cable: 100 Mbit/s on a gigabit port is a broken pair or an old cable.',
          cost: 'about $5',
        },
        { kind: 'upgrade', text: 'A gigabit port or switch.', cost: 'about $15' },
      ],
    },
  ]
}

/** A single client that unpacks xz leaves most of a fast link idle. */
function xzStream(machine: Machine): Bottleneck[] {
  const delivered = deliveredBytesPerSecond(machine)
  const stream = xzStreamBytesPerSecond
  if (delivered === undefined || delivered <= stream * figures.zstdGrowth.value) return []
  const unpacked = figures.xzDecodeBytesPerSecond.value
  return [
    {
      id: 'xz-stream',
      part: 'network',
      severity: 'limit',
      statement: {
        text: `A client that unpacks one xz stream takes ${formatBitSpeed(stream * 8)} of the ${formatBitSpeed(delivered * 8)} that could reach it; zstd takes them all.`,
        formula: `${formatByteSpeed(unpacked)} unpacked × ${figures.xzPackedShare.value} = ${formatByteSpeed(stream)} = ${formatBitSpeed(stream * 8)}`,
        source: figures.xzDecodeBytesPerSecond.source,
        check: 'narwhal bench http://cache:5000; narwhal status: recompression',
      },
      actions: [memoryBudget(machine, 'proxy').recompression ? recompress : recompressElsewhere],
    },
  ]
}

const recompress: Alternative = {
  kind: 'workaround',
  text: 'Recompress to zstd once on the server: recompress.enabled = "auto".',
  cost: '1.4 times the disk',
}
const recompressElsewhere: Alternative = {
  kind: 'alternative',
  text: 'This machine has no core or memory to spare for recompressing; a stronger cache behind it, as its upstream, can do it.',
}
