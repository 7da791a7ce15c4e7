import type { LinkReading } from './reading.ts'

/** What to do about a link that falls short. */
export interface Remedy {
  readonly text: string
  readonly cost?: string
}

type About = 'path' | 'latency' | 'loss' | 'throughput'

/** From this share of a core on, the core is the limit. */
const busyShare = 0.9
/** What a link of 100 Mbit/s carries, less a little for what measures it. */
const fastEthernetMbits = { from: 80, to: 98 } as const
const goodCable = 'Cat 5e or better, all four pairs'

/**
 * What to do, likeliest cause first; never empty.
 *
 * @param failed which criteria fell short
 */
export function remediesFor(reading: LinkReading, failed: ReadonlySet<About>): readonly Remedy[] {
  const remedies = [
    ...pathRemedies(reading),
    ...(failed.has('throughput') || failed.has('latency') ? speedRemedies(reading) : []),
    ...(failed.has('loss') ? lossRemedies(reading) : []),
    ...(failed.has('throughput') ? throughputRemedies(reading, failed) : []),
    ...(failed.has('latency') ? latencyRemedies(reading) : []),
  ]
  if (remedies.length > 0) return remedies
  return [
    {
      text: `try another cable (${goodCable}), then another port at each end; change one thing, then validate again`,
      cost: 'about $5',
    },
  ]
}

function pathRemedies({ local, peerAddress, takesFullPackets }: LinkReading): Remedy[] {
  const { interface: name = 'this interface', duplex } = local
  if (local.isLoopback)
    return [{ text: `run this at one end and give the address of the other with --address` }]
  if (local.isWifi)
    return [
      {
        text: `plug a cable into both machines and set it up: narwhal direct-network --server here, --client there`,
        cost: 'about $5',
      },
    ]
  if (local.hasDefaultRoute)
    return [
      {
        text: `${peerAddress} goes out by the default route: set up the cable's interface (narwhal direct-network), then "ip route get ${peerAddress}" must name it`,
      },
    ]
  if (duplex === 'half')
    return [
      {
        text: `one end is set to a fixed speed: let both negotiate (ethtool -s ${name} autoneg on)`,
      },
    ]
  if (takesFullPackets === false)
    return [
      {
        text: `give both ends the same MTU (--mtu ${local.mtuBytes} at both, or leave it out at both); what is between them must take such frames too`,
      },
    ]
  return []
}

/** A link that has agreed on less than a gigabit says so itself, or its throughput does. */
function speedRemedies({ local, throughput }: LinkReading): Remedy[] {
  const { speedMbits, interface: name = 'IF' } = local
  const best = Math.max(throughput?.sending?.mbits ?? 0, throughput?.receiving.mbits ?? 0)
  const cable: Remedy = {
    text: `change the cable (${goodCable}: a gigabit needs them all, 100 Mbit/s only two), then the port at each end; "ethtool ${name}" lists what each end offers`,
    cost: 'about $5',
  }
  if (speedMbits !== undefined && speedMbits < 1000)
    return [{ ...cable, text: `the ends agreed on ${speedMbits} Mbit/s: ${cable.text}` }]
  const looksFast = best >= fastEthernetMbits.from && best <= fastEthernetMbits.to
  if (looksFast)
    return [
      {
        ...cable,
        text: `${Math.round(best)} Mbit/s is what a link of 100 Mbit/s carries, so some piece of the way runs at that: ${cable.text}`,
      },
    ]
  return []
}

function lossRemedies({ loss, resent, damagedFrames, local }: LinkReading): Remedy[] {
  const { interface: name = 'IF' } = local
  const isIdleClean = loss.received >= loss.sent
  if ((damagedFrames ?? 0) > 0)
    return [
      {
        text: `frames come damaged (ip -s link show ${name}): change the cable, keep it away from power lines, then try another port`,
        cost: 'about $5',
      },
    ]
  if (isIdleClean && (resent?.resent ?? 0) > 0)
    return [
      {
        text: `nothing is lost while the link is idle, only under load: a buffer overflows. Look at "ethtool -S ${name}" for dropped and missed packets, give the card a larger ring (ethtool -G ${name} rx 4096), and let flow control be negotiated (ethtool -A ${name} autoneg on)`,
      },
    ]
  return [
    {
      text: 'packets are lost: press both plugs in until they click, change the cable, then try another port at each end',
      cost: 'about $5',
    },
  ]
}

function throughputRemedies(reading: LinkReading, failed: ReadonlySet<About>): Remedy[] {
  const { throughput, local, resent } = reading
  if (throughput === undefined || isSlowLink(reading)) return []
  const { sending, receiving } = throughput
  const directions = [sending, receiving].filter((direction) => direction !== undefined)
  const { usbMbits, interface: name = 'the card' } = local
  const remedies: Remedy[] = []
  if (usbMbits !== undefined && usbMbits < 1000)
    remedies.push({
      text: `${name} is on a USB port of ${usbMbits} Mbit/s, which carries about ${Math.round(usbMbits * 0.65)}: plug it into a USB 3 port`,
    })
  if (directions.some(({ ownCpuShare }) => (ownCpuShare ?? 0) > busyShare))
    remedies.push({
      text: 'a core of this machine is busy with the transfer: the processor is the limit, not the cable; end what else runs, or look for a card that does checksums and segmentation itself (ethtool -k)',
    })
  if (directions.some(({ peerCpuShare }) => (peerCpuShare ?? 0) > busyShare))
    remedies.push({
      text: 'a core of the other machine is busy with the transfer: its processor is the limit, not the cable',
    })
  if (failed.has('loss') && (resent?.resent ?? 0) > 0)
    remedies.push({
      text: 'what is lost has to be sent again: mend the loss first, then measure again',
    })
  if (
    sending &&
    Math.max(sending.mbits, receiving.mbits) > 2 * Math.min(sending.mbits, receiving.mbits)
  )
    remedies.push({
      text: `one direction is much slower (${Math.round(sending.mbits)} there, ${Math.round(receiving.mbits)} back): the ends disagree about duplex, or the sender of that direction is the limit; let both negotiate`,
    })
  if (remedies.length === 0)
    remedies.push({
      text: `latency and cable look right, so look at the cards: a slot or bus too slow (lspci -vv: LnkSta), an old driver, power saving (ethtool --show-eee ${name}); try the measurement with the roles of the ends changed`,
    })
  return remedies
}

function latencyRemedies(reading: LinkReading): Remedy[] {
  const { latency, local, loss } = reading
  if (local.isWifi || local.isLoopback || local.hasDefaultRoute) return []
  const { interface: name = 'IF' } = local
  if (loss.received < loss.sent) return []
  const spread = latency.p99Ms > 4 * latency.medianMs ? ' now and then' : ''
  return [
    {
      text: `packets wait${spread}: turn off power saving on the link (ethtool --set-eee ${name} eee off), make the card gather interrupts for a shorter time (ethtool -C ${name} rx-usecs 30), and see whether either machine is busy`,
    },
  ]
}

function isSlowLink({ local, throughput }: LinkReading): boolean {
  const best = Math.max(throughput?.sending?.mbits ?? 0, throughput?.receiving.mbits ?? 0)
  return (
    (local.speedMbits !== undefined && local.speedMbits < 1000) ||
    (best >= fastEthernetMbits.from && best <= fastEthernetMbits.to)
  )
}
