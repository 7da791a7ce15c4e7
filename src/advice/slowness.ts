import type { Bottleneck, Part } from './bottleneck.ts'
import { findBottlenecks } from './bottlenecks.ts'
import type { Machine } from './machine.ts'
import type { Alternative, Statement } from './verdict.ts'

/** What to measure before a change and again after it. */
export interface Yardstick {
  readonly what: string
  readonly command: string
  /** what a well configured cache reaches */
  readonly target: string
}

/** "The cache is slow": where the time goes, as far as this machine shows, and what to do. */
export interface Slowness {
  /** undefined: nothing on this machine holds it back; look at clients and upstreams */
  readonly part: Part | undefined
  readonly statement: Statement
  /** those of that part, worst first */
  readonly bottlenecks: readonly Bottleneck[]
  /** what has not been seen, so may be the reason all the same */
  readonly unknown: readonly Statement[]
  /** in the order to try them, one at a time */
  readonly actions: readonly [Alternative, ...Alternative[]]
  /** before and after each change */
  readonly measure: readonly [Yardstick, ...Yardstick[]]
}

const latency: Yardstick = {
  what: 'a narinfo that is cached',
  command: 'narwhal bench http://cache:5000',
  target: 'less than 100 ms; on a cable less than 5 ms',
}
const throughput: Yardstick = {
  what: 'a NAR that is cached',
  command: 'narwhal bench http://cache:5000',
  target: 'more than 800 Mbit/s on a gigabit link',
}
const yardsticks: Readonly<Record<Part, readonly [Yardstick, ...Yardstick[]]>> = {
  memory: [
    {
      what: 'waiting for memory',
      command: 'cat /proc/pressure/memory',
      target: 'some avg300 less than 10',
    },
    {
      what: 'processes killed',
      command: 'grep oom_kill /proc/vmstat',
      target: 'no more than before',
    },
    latency,
  ],
  disk: [
    {
      what: 'waiting for the disk',
      command: 'cat /proc/pressure/io',
      target: 'some avg300 less than 20',
    },
    throughput,
  ],
  network: [
    latency,
    throughput,
    {
      what: 'the link alone',
      command: 'narwhal direct-network --validate',
      target: 'less than 1 ms, more than 900 Mbit/s, no loss',
    },
  ],
  cpu: [
    {
      what: 'waiting for a processor',
      command: 'cat /proc/pressure/cpu',
      target: 'some avg300 less than 40',
    },
    latency,
  ],
}

/**
 * Finds where the time goes: what is wrong now comes before what only bounds the hardware. One change
 * at a time, measured before and after (narwhal experiment).
 */
export function findSlowness(machine: Machine): Slowness {
  const bottlenecks = findBottlenecks(machine).filter(({ id }) => isFelt(id, machine))
  const [worst] = bottlenecks
  const unknown = unseen(machine)
  if (!worst) return nothingHere(unknown)
  const ofPart = bottlenecks.filter(({ part }) => part === worst.part)
  return {
    part: worst.part,
    statement: worst.statement,
    bottlenecks: ofPart,
    unknown,
    actions: distinct(ofPart.flatMap(({ actions }) => actions)),
    measure: yardsticks[worst.part],
  }
}

/** Share of its time from which a CPU that was slowed down for heat is suspected. */
const warmShare = 0.5

/** Bounds what is built here, or will matter one day; nobody waits for it now. */
function isFelt(id: string, { troubles }: Machine): boolean {
  // Heat slows down who works; a CPU that is idle most of the time is not waited for.
  if (id === 'throttled') return (troubles.cpuUtilization ?? 1) >= warmShare
  return id !== 'few-build-slots' && id !== 'no-zram' && id !== 'disk-nearly-full'
}

function nothingHere(unknown: readonly Statement[]): Slowness {
  return {
    part: undefined,
    statement: {
      text: 'Nothing on this machine is known to hold the cache back: look at the client, the line to the upstream, and what is not cached yet.',
      source: 'all of narwhal diagnose',
      check: 'narwhal status: hits, and how fast the upstreams are',
    },
    bottlenecks: [],
    unknown,
    actions: [
      {
        kind: 'workaround',
        text: 'On the client: http-connections and max-substitution-jobs; the cache first in substituters.',
      },
      { kind: 'workaround', text: 'Ask twice: only the second time shows the cache itself.' },
    ],
    measure: [latency, throughput],
  }
}

/** Facts that would show a bottleneck and are not known, with how to see them. */
function unseen({ troubles, links, disks, measured }: Machine): Statement[] {
  const say = (isKnown: boolean, text: string, check: string): Statement[] =>
    isKnown ? [] : [{ text, source: 'the machine does not tell, or was described by hand', check }]
  return [
    ...say(
      troubles.memoryPressure !== undefined || troubles.oomKills !== undefined,
      'Whether memory is short is not known.',
      'cat /proc/pressure/memory; grep oom_kill /proc/vmstat',
    ),
    ...say(
      troubles.diskUtilization !== undefined || troubles.ioPressure !== undefined,
      'Whether the disk is busy is not known.',
      'iostat -x 5; cat /proc/pressure/io',
    ),
    ...say(
      disks[0]?.kind !== undefined,
      'The kind of disk is not known.',
      'lsblk -d -o NAME,ROTA,TRAN',
    ),
    ...say(
      links[0]?.bitsPerSecond !== undefined || measured.linkBytesPerSecond !== undefined,
      'The rate of the link is not known.',
      'ethtool; narwhal diagnose --measure',
    ),
    ...say(
      troubles.cpuUtilization !== undefined || troubles.cpuPressure !== undefined,
      'Whether the CPU is busy is not known.',
      'narwhal monitor',
    ),
  ]
}

function distinct(actions: readonly Alternative[]): readonly [Alternative, ...Alternative[]] {
  const first = new Map(actions.map((action) => [action.text, action] as const))
  return [...first.values()] as unknown as readonly [Alternative, ...Alternative[]]
}
