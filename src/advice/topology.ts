import { type Branch, branch, type Decision } from './decision.ts'

export type Topology = 'direct-cable' | 'switch' | 'network'

/** What decides how server and clients are joined; undefined where nobody has said. */
export interface Place {
  readonly isSameLocation: boolean | undefined
  /** a free network port at both ends, and a way for a cable between them */
  readonly canRunCable: boolean | undefined
  /** machines to be joined, the server included */
  readonly hosts: number
}

export const topologyTexts: Readonly<Record<Topology, string>> = {
  'direct-cable':
    'a cable of their own between the two machines: best latency, bandwidth of its own',
  switch: 'a gigabit switch with cables: good',
  network: 'the network there is: acceptable',
}

const check = 'narwhal direct-network --advise'

/**
 * Decision tree D2, "which network topology?". A cable joins two machines; more take a switch. What
 * is unknown is answered as no: the next best always works.
 */
export function topology(place: Place): Decision<Topology> {
  const same = branch('Same physical location?', place.isSameLocation, {
    text:
      place.isSameLocation === false
        ? 'Between places the line of the provider decides; a cache at each place helps most.'
        : 'Within reach of a cable, the way is yours to choose.',
    source: 'Ethernet over twisted pair reaches 100 m (IEEE 802.3)',
    check,
  })
  if (!place.isSameLocation) return { leaf: 'network', path: [same] }
  const isPair = place.hosts <= 2
  const pair: Branch = branch('Only two machines?', isPair, {
    text: isPair
      ? 'One cable joins two machines.'
      : `One cable joins two machines; ${place.hosts} need a switch, or a port in the server for each.`,
    formula: `${place.hosts} ${isPair ? '≤' : '>'} 2`,
    source: 'a cable has two ends',
    check,
  })
  if (!isPair) return { leaf: 'switch', path: [same, pair] }
  const cable = branch('Can a direct cable be laid?', place.canRunCable, {
    text: place.canRunCable
      ? 'About $5 of cable: 0.1 to 0.5 ms instead of 1 to 3 ms, and nobody shares it.'
      : 'Without a free port at both ends, a switch is the next best: 1 to 3 ms.',
    source: 'measure it: narwhal direct-network --validate',
    check,
  })
  return { leaf: place.canRunCable ? 'direct-cable' : 'switch', path: [same, pair, cable] }
}
