import type { Decision } from '../decision.ts'
import { figures } from '../figures.ts'
import type { Link, Machine } from '../machine.ts'
import { formatBitSpeed, formatByteSpeed } from '../rates.ts'
import { diskSpeed } from '../speeds.ts'
import { type Topology, topology } from '../topology.ts'
import type { Alternative, Statement, Verdict } from '../verdict.ts'
import { chooseInterface } from './choose-interface.ts'
import { gigabit, linkArithmetic, payload, type Way, ways } from './link-facts.ts'

export interface LinkAdvice {
  /** the three ways side by side */
  readonly ways: readonly Way[]
  readonly topology: Decision<Topology>
  readonly verdict: Verdict
  /** arithmetic and what to believe of the figures */
  readonly statements: readonly Statement[]
}

export interface LinkQuestion {
  readonly machine: Machine
  /** both ends counted */
  readonly hosts: number
  /** false: a cable cannot reach from one machine to the other */
  readonly isSameLocation: boolean
}

const validate = 'narwhal direct-network --validate'

/** Answers "WiFi, switch or cable?" for this machine and its clients. */
export function adviseLink(question: LinkQuestion): LinkAdvice {
  const { machine, hosts, isSameLocation } = question
  const free = freePorts(machine)
  const canRunCable = machine.links.length === 0 ? undefined : free.length > 0
  return {
    ways,
    topology: topology({ isSameLocation, canRunCable, hosts }),
    verdict: verdictFor(question, free),
    statements: [...presentStatements(machine), ...linkArithmetic, ...diskStatements(machine)],
  }
}

function freePorts({ links }: Machine): readonly string[] {
  const choice = chooseInterface(links, undefined)
  if (choice.kind === 'chosen') return [choice.link.name]
  return choice.kind === 'several' ? choice.names : []
}

/** The link clients come over now: the one with the default route, else the first. */
function presentLink({ links }: Machine): Link | undefined {
  return links.find(({ hasDefaultRoute }) => hasDefaultRoute) ?? links[0]
}

const title = 'Does a direct cable help this machine?'
const setUp = (free: readonly string[]) =>
  `narwhal direct-network --server${free[0] ? ` --interface ${free[0]}` : ''}, --client on the other machine, then --validate`

function verdictFor(
  { machine, hosts, isSameLocation }: LinkQuestion,
  free: readonly string[],
): Verdict {
  const present = presentLink(machine)
  if (!isSameLocation)
    return no(
      {
        text: 'A cable cannot reach there: Ethernet over twisted pair ends at 100 m.',
        source: 'IEEE 802.3',
        check: 'ping HOST: more than 5 ms is no local network',
      },
      {
        kind: 'alternative',
        text: 'a narwhal at each place: the line between them then carries each NAR once',
      },
    )
  if (hosts > 2)
    return no(
      {
        text: `A cable has two ends; ${hosts} machines need a switch, or a port of the server for each.`,
        formula: `${hosts} > 2`,
        source: 'a cable has two ends',
        check: 'narwhal direct-network --advise --hosts 2',
      },
      {
        kind: 'alternative',
        text: `a gigabit switch with cables; where it has to be a network of its own: --server --hosts ${hosts}`,
        cost: 'about $20',
      },
    )
  if (present === undefined)
    return {
      question: title,
      answer: 'yes, if',
      because: [compareStatement(undefined)],
      conditions: [
        'both machines have a free gigabit port',
        'they are joined by WiFi or 100 Mbit/s now',
      ],
    }
  const { virtualization } = machine.system
  if (virtualization === 'vm' || virtualization === 'container')
    return no(
      {
        text: `This is a ${virtualization === 'vm' ? 'virtual machine' : 'container'}: it has no port to put a cable into.`,
        source: 'what the machine tells of itself',
        check: 'systemd-detect-virt',
      },
      {
        kind: 'alternative',
        text: 'a cable into its host, and a bridge there that this machine is given a card on',
      },
    )
  if (present.kind === 'wifi' || isSlow(present)) {
    if (free.length > 0)
      return {
        question: title,
        answer: 'yes, if',
        because: [compareStatement(present)],
        conditions: [`the other machine has a free gigabit port too; then: ${setUp(free)}`],
      }
    return {
      question: title,
      answer: 'yes, if',
      because: [compareStatement(present)],
      conditions: [
        'this machine gets a free port: a gigabit adapter on USB 3, about $15',
        'the other machine has one too',
      ],
    }
  }
  if (present.bitsPerSecond === undefined)
    return {
      question: title,
      answer: 'yes, if',
      because: [compareStatement(present)],
      conditions: [
        `${present.name} is slower than a gigabit, or WiFi is on the way (ethtool ${present.name}; ping the other machine)`,
        'both machines have a free gigabit port',
      ],
    }
  return no(
    {
      text: `${present.name} has ${rateOf(present)} of Ethernet already: a cable of its own would save no more than the microseconds of a switch, and the wait for what others send.`,
      formula: `a switch holds a full packet for 1538 B × 8 / 1 Gbit/s = 12.3 µs`,
      source: 'store and forward: a switch sends a packet on when it has it whole',
      check: `ping -c 100 HOST; ${validate} --address HOST`,
    },
    free.length > 0
      ? {
          kind: 'alternative',
          text: `where the network is busy, or its router goes down: ${setUp(free)}`,
          cost: `about $${figures.cableDollars.value}`,
        }
      : {
          kind: 'alternative',
          text: 'stay on the switch; look for the limit elsewhere: narwhal diagnose --slow',
        },
  )
}

function no(because: Statement, instead: Alternative): Verdict {
  return { question: title, answer: 'no', because: [because], instead: [instead] }
}

function isSlow({ bitsPerSecond }: Link): boolean {
  return bitsPerSecond !== undefined && bitsPerSecond < gigabit
}

function rateOf({ bitsPerSecond }: Link): string {
  return bitsPerSecond === undefined ? 'a rate it does not tell' : formatBitSpeed(bitsPerSecond)
}

/** What it carries: WiFi about half of what it names, as its stations take turns. */
function carries(link: Link): number | undefined {
  const rate = link.bitsPerSecond
  if (rate === undefined) return undefined
  const share = link.kind === 'wifi' ? figures.wifiShare : figures.gigabitPayloadShare
  return (rate * share.value) / 8
}

function compareStatement(present: Link | undefined): Statement {
  const speed = present && carries(present)
  const now =
    present === undefined
      ? 'How the machines are joined now is not known'
      : present.kind === 'wifi'
        ? `${present.name} is WiFi: ${figures.wifiLatencyLowMs.value} to ${figures.wifiLatencyHighMs.value} ms, and more when others send`
        : `${present.name} runs at ${rateOf(present)}`
  const gain = speed === undefined ? '' : `, ${times(payload / speed)} the bandwidth`
  return {
    text: `${now}; a cable takes ${figures.cableLatencyLowMs.value} to ${figures.cableLatencyHighMs.value} ms and carries ${formatByteSpeed(payload)}${gain}.`,
    ...(speed !== undefined && {
      formula: `1 GiB: ${secondsFor(speed)} now, ${secondsFor(payload)} over the cable`,
    }),
    source: figures.cableLatencyLowMs.source,
    check: validate,
  }
}

function presentStatements(machine: Machine): Statement[] {
  const { linkLatencyMs, linkBytesPerSecond } = machine.measured
  const measured: Statement[] = []
  if (linkLatencyMs !== undefined)
    measured.push({
      text: `The link in use was measured: ${linkLatencyMs.toFixed(2)} ms there and back.`,
      source: 'measured here',
      check: 'ping -c 100 HOST',
    })
  if (linkBytesPerSecond !== undefined)
    measured.push({
      text: `It carried ${formatByteSpeed(linkBytesPerSecond)}.`,
      formula: `${formatByteSpeed(linkBytesPerSecond)} × 8 = ${formatBitSpeed(linkBytesPerSecond * 8)}`,
      source: 'measured here',
      check: 'iperf3 -c HOST',
    })
  return measured
}

function diskStatements(machine: Machine): Statement[] {
  const disk = diskSpeed(machine)
  if (disk === undefined || disk.bytesPerSecond >= payload) return []
  return [
    {
      text: `The disk here cannot fill the cable: ${formatByteSpeed(disk.bytesPerSecond)} of ${formatByteSpeed(payload)}. What is in memory still comes at full speed.`,
      formula: `${disk.formula} < ${formatByteSpeed(payload)}`,
      source: disk.source,
      check: 'narwhal diagnose --measure',
    },
  ]
}

function secondsFor(bytesPerSecond: number): string {
  const seconds = 2 ** 30 / bytesPerSecond
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
}

function times(factor: number): string {
  return `${factor < 10 ? factor.toFixed(1) : Math.round(factor)} times`
}
