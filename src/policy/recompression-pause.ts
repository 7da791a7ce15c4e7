import { formatSize, MiB } from '../units.ts'
import { recompressionBytes } from './recompression.ts'

/** What the machine does now; undefined for what it does not tell. */
export interface MomentFacts {
  /** the answer before this one, true at first: where to stop and where to go on differ */
  readonly wasWorking: boolean
  /** cores that may be kept busy */
  readonly cores: number
  readonly workers: number
  /** of zstd */
  readonly level: number
  /** downloads that run now, or have ended so lately that more will come */
  readonly clientsWaiting: number
  readonly availableBytes: number | undefined
  /** share of the last 10 s in which a task waited for a CPU, 0 to 100 */
  readonly cpuPercent: number | undefined
  /** share of the last 10 s in which a task waited for memory, 0 to 100 */
  readonly memoryPercent: number | undefined
  /** tasks that ran or wanted to, on average over the last minute */
  readonly loadAverage: number | undefined
  readonly onBattery: boolean | undefined
}

export type MayWork =
  | { readonly mayWork: true }
  /** `reason` is a clause such as "the machine runs on its battery" */
  | { readonly mayWork: false; readonly reason: string }

/** Stops above the first, goes on only up to the second. */
interface Threshold {
  readonly stop: number
  readonly resume: number
}

/**
 * Our own thread waits too whenever others run, which counts as pressure; up to this it is the price
 * of stepping back. Once we pause, that part is gone: hence the wide gap.
 */
const cpuPercent: Threshold = { stop: 40, resume: 10 }
/** Tasks that wait for memory wait for the disk: a tenth of the time is felt by all. */
const memoryPercent: Threshold = { stop: 10, resume: 5 }
/** Tasks for each core. Ours count, while they work and for some time after. */
const loadPerCore: Threshold = { stop: 1.5, resume: 0.75 }

/** Memory that is left to others, whatever happens: with less, Linux gives up the cache that serves. */
const leastFreeBytes = 128 * MiB

/**
 * The event loop takes a core and the check of what comes in another; where there are more than our
 * workers besides, waiting clients lose nothing to them.
 */
const servingCores = 2

/**
 * Decides from second to second whether to go on recompressing. Every threshold has a gap between
 * stopping and going on, except where nothing can flap: a plug, and clients, who come first.
 */
export function mayWorkNow(facts: MomentFacts): MayWork {
  const reason = whyNot(facts)
  return reason === undefined ? { mayWork: true } : { mayWork: false, reason }
}

function whyNot(facts: MomentFacts): string | undefined {
  if (facts.clientsWaiting > 0 && facts.cores < servingCores + facts.workers)
    return 'clients are downloading, or were a moment ago'
  if (facts.onBattery) return 'the machine runs on its battery'
  return memoryIsShort(facts) ?? machineIsBusy(facts)
}

function memoryIsShort(facts: MomentFacts): string | undefined {
  const { wasWorking, availableBytes, workers, level } = facts
  // Working, we hold what we need already; to go on, it has to be there besides.
  const neededBytes = wasWorking ? 0 : workers * recompressionBytes(level)
  const wantedBytes = leastFreeBytes + neededBytes
  if (availableBytes !== undefined && availableBytes < wantedBytes)
    return `${formatSize(availableBytes)} of memory is available, and it takes ${formatSize(wantedBytes)}`
  if (isOver(facts.memoryPercent, memoryPercent, wasWorking))
    return `programs wait for memory ${facts.memoryPercent} % of the time`
  return undefined
}

/**
 * Pressure tells at once that others want the CPU. To go on, the load has to be low as well: while
 * we pause, a machine that is busy to its last core feels no pressure.
 */
function machineIsBusy(facts: MomentFacts): string | undefined {
  const { wasWorking, cores, loadAverage } = facts
  if (isOver(facts.cpuPercent, cpuPercent, wasWorking))
    return `programs wait for a CPU ${facts.cpuPercent} % of the time`
  if (wasWorking && facts.cpuPercent !== undefined) return undefined
  if (loadAverage !== undefined && isOver(loadAverage / cores, loadPerCore, wasWorking))
    return `the load is ${loadAverage} on ${cores === 1 ? '1 core' : `${cores} cores`}`
  return undefined
}

function isOver(figure: number | undefined, { stop, resume }: Threshold, wasWorking: boolean) {
  return figure !== undefined && figure > (wasWorking ? stop : resume)
}
