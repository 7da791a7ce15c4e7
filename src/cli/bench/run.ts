import { randomBytes } from 'node:crypto'
import { type Spread, spreadOf } from '../../advice/spread.ts'
import { measureLoopback } from '../../host/measure/loopback.ts'
import { isPrivateAddress } from '../../host/network-link.ts'
import { encodeBase32 } from '../../nix/base32.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { GiB, MiB } from '../../units.ts'
import { type FigureKey, figures } from './measurements.ts'
import type { BenchReport, CacheReport } from './report.ts'
import { type Readings, takeRounds } from './rounds.ts'
import { openSubject, type Subject, survey } from './survey.ts'
import { judge } from './verdict.ts'
import {
  chooseForWalk,
  chooseLargest,
  type FirstRead,
  type Limits,
  narSizes,
  prepareWorkload,
  throughputBytes,
  trySpeed,
  type Workload,
  walkBytes,
} from './workload.ts'

export interface BenchOptions {
  readonly urls: readonly URL[]
  readonly named: readonly StoreHash[]
  /** Tried when none are named. */
  readonly candidates: readonly StoreHash[]
  readonly rounds: number
  readonly seconds: number
  /** From each cache in all; by default it depends on how far away the cache is. */
  readonly maxBytes: number | undefined
  readonly userAgent: string
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

/** A public cache costs somebody money; a cache of one's own does not, and is as fast as it is. */
const publicMaxBytes = 256 * MiB
const privateMaxBytes = 64 * GiB
const absentPaths = 100
const loopbackSeconds = 0.5

interface Prepared {
  readonly workload: Workload
  readonly firstRead: FirstRead
}

/**
 * Measures caches side by side. Only reads.
 *
 * @throws AppError NO_CACHE, NOTHING_TO_ASK
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { signal, onProgress, rounds, seconds } = options
  const startedAt = new Date().toISOString()
  onProgress('looking at the caches')
  const subjects: Subject[] = []
  for (const url of options.urls) subjects.push(await openSubject(url, options.userAgent, signal))
  const found = await survey(subjects, options, signal)

  const isPrivate = subjects.every(({ link }) => isPrivateAddress(link.address))
  const maxBytes = options.maxBytes ?? (isPrivate ? privateMaxBytes : publicMaxBytes)
  const limits: Limits = { rounds, seconds, maxBytes }
  const sizes = narSizes(found)
  const speeds: number[] = []
  for (const subject of subjects) speeds.push(await trySpeed(subject, found, limits, signal))
  const slowest = Math.min(...speeds)
  const largest = chooseLargest(sizes, throughputBytes(limits, slowest))
  const walkNars = chooseForWalk(sizes, walkBytes(limits, slowest))
  const missing = Array.from({ length: absentPaths }, madeUpHash)
  const chosen = { survey: found, largest, walkNars, missing, limits }
  const prepared = new Map<Subject, Prepared>()
  for (const subject of subjects) {
    onProgress(`reading and checking the NARs of ${subject.url}`)
    prepared.set(subject, await prepareWorkload(subject, chosen, signal))
  }
  const loopbackMbits = subjects.some(({ link }) => link.isLoopback)
    ? ((await measureLoopback(loopbackSeconds)) * 8) / 1e6
    : undefined

  const workloads = new Map([...prepared].map(([subject, { workload }]) => [subject, workload]))
  const readings = await takeRounds(workloads, { rounds, signal, onProgress })
  const caches = subjects.map((subject) =>
    reportCache(subject, {
      readings: readings.get(subject) as Readings,
      firstRead: (prepared.get(subject) as Prepared).firstRead,
      loopbackMbits,
    }),
  )
  const [first] = workloads.values()
  return {
    ...{ startedAt, rounds, seconds },
    asked: {
      narinfos: first?.narinfoPaths.length ?? 0,
      absent: absentPaths,
      nars: largest.length,
      walkNarinfos: first?.walkPaths.size ?? 0,
      walkNars: walkNars.size,
    },
    ...(loopbackMbits !== undefined && { loopbackMbits }),
    caches,
    isGood: caches.every(({ findings }) => findings.every(({ holds }) => holds === true)),
  }
}

function reportCache(
  { url, link, cacheInfo }: Subject,
  seen: { readings: Readings; firstRead: FirstRead; loopbackMbits: number | undefined },
): CacheReport {
  const { readings, firstRead, loopbackMbits } = seen
  const spreads: Partial<Record<FigureKey, Spread>> = {}
  const medians: Partial<Record<FigureKey, number>> = {}
  for (const { key } of figures) {
    const all = readings.figures.get(key)
    if (all === undefined) continue
    spreads[key] = spreadOf(all)
    medians[key] = spreadOf(all).median
  }
  const errors = readings.errors + firstRead.faults.length
  const errorTexts = [...new Set([...firstRead.faults, ...readings.errorTexts])].slice(0, 5)
  const answers = readings.answers + firstRead.nars - firstRead.faults.length
  const { nars, bytes, checked } = firstRead
  return {
    url,
    priority: cacheInfo.priority,
    interface: link.interface,
    linkMbits: link.speedMbits,
    connectMs: link.connectMs,
    firstRead: { nars, bytes, checked },
    figures: spreads,
    answers,
    receivedBytes: readings.bytes + bytes,
    ...{ errors, errorTexts },
    findings: judge({ figures: medians, link, loopbackMbits, answers, errors, errorTexts }),
  }
}

/** A path nobody has: new in every run, so that nobody remembers its absence. */
function madeUpHash(): StoreHash {
  return encodeBase32(randomBytes(20)) as StoreHash
}
