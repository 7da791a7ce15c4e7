import type { NarInfo } from '../../nix/narinfo.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { GiB, MiB } from '../../units.ts'
import { ConnectionPool, type Place, placeOf } from './fetch.ts'
import { runLoad } from './load.ts'
import { locate, readNar } from './read-nar.ts'
import type { Site } from './site.ts'
import type { Subject, Survey } from './survey.ts'

/** What one cache is asked for in every round. */
export interface Workload {
  readonly site: Site
  readonly narinfoPaths: readonly string[]
  /** Made up: no cache has them. */
  readonly missingPaths: readonly string[]
  /** NARs whose throughput is measured, all on one host. */
  readonly nars: { readonly site: Site; readonly paths: readonly string[] }
  readonly roots: readonly StoreHash[]
  readonly walkPaths: ReadonlySet<StoreHash>
  readonly walkNars: ReadonlySet<StoreHash>
  readonly seconds: number
  /** For each measurement. */
  readonly maxBytes: number
}

export interface Limits {
  readonly seconds: number
  /** From one cache, in all. */
  readonly maxBytes: number
  readonly rounds: number
}

/** What was seen when each NAR was read for the first time, which no figure counts. */
export interface FirstRead {
  readonly nars: number
  readonly bytes: number
  /** How many could be held against a FileHash. */
  readonly checked: number
  readonly faults: readonly string[]
}

/** Four with narinfos, three with readers of NARs, two walks. */
const measurementsARound = 9
/** Trying the speed, and the first read of the NARs for the throughput and for the walks. */
const sharesBefore = 3
const maxThroughputNars = 4
const maxThroughputBytes = GiB
const maxWalkBytes = 375e6
/** How many times the length of a measurement it may take to read all NARs of a walk once. */
const walkTimes = 3
/** Where the speed could not be tried. */
const carefulBytesPerSecond = 10e6

/** How many bytes one measurement may take, so that all together keep to the limit. */
export function shareOf({ maxBytes, rounds }: Limits): number {
  return Math.floor(maxBytes / (rounds * measurementsARound + sharesBefore))
}

/**
 * Chooses NARs for the throughput: the largest that fit, as few as will do; the smallest where none
 * fits.
 *
 * @param sizes by path, the largest of any cache
 */
export function chooseLargest(
  sizes: ReadonlyMap<StoreHash, number>,
  maxBytes: number,
): StoreHash[] {
  const chosen: StoreHash[] = []
  let left = maxBytes
  const bySize = [...sizes].sort(([, a], [, b]) => b - a)
  for (const [hash, bytes] of bySize) {
    if (bytes > left || chosen.length === maxThroughputNars) continue
    // A NAR a tenth as large as the first would only add waits between two files.
    if (chosen.length > 0 && bytes * 10 < (sizes.get(chosen[0] as StoreHash) ?? 0)) break
    chosen.push(hash)
    left -= bytes
  }
  const smallest = bySize.at(-1)?.[0]
  return chosen.length === 0 && smallest !== undefined ? [smallest] : chosen
}

/** Chooses the NARs of a walk, in the order their paths were met. */
export function chooseForWalk(
  sizes: ReadonlyMap<StoreHash, number>,
  maxBytes: number,
): Set<StoreHash> {
  const chosen = new Set<StoreHash>()
  let left = maxBytes
  for (const [hash, bytes] of sizes) {
    if (bytes > left) continue
    chosen.add(hash)
    left -= bytes
  }
  return chosen
}

/** The size of each NAR file by path: the largest of any cache, since compressions differ. */
export function narSizes({ infos }: Survey): Map<StoreHash, number> {
  const sizes = new Map<StoreHash, number>()
  for (const own of infos.values())
    for (const [hash, info] of own)
      sizes.set(hash, Math.max(sizes.get(hash) ?? 0, info.fileSize ?? info.narSize))
  return sizes
}

/**
 * Reads every chosen NAR once, checks it, and makes the workload of one cache from what came.
 *
 * @param missing hashes no cache has
 */
export async function prepareWorkload(
  subject: Subject,
  chosen: {
    readonly survey: Survey
    readonly largest: readonly StoreHash[]
    readonly walkNars: ReadonlySet<StoreHash>
    readonly missing: readonly StoreHash[]
    readonly limits: Limits
  },
  signal: AbortSignal,
): Promise<{ readonly workload: Workload; readonly firstRead: FirstRead }> {
  const { survey, largest, walkNars, missing, limits } = chosen
  const { site } = subject
  const infos = survey.infos.get(subject) ?? new Map<StoreHash, NarInfo>()
  const places: Place[] = []
  const faults: string[] = []
  let [nars, bytes, checked] = [0, 0, 0]
  const pool = new ConnectionPool(site)
  const hangUp = () => pool.close(signal.reason)
  signal.addEventListener('abort', hangUp)
  try {
    for (const hash of new Set([...largest, ...walkNars])) {
      const info = infos.get(hash)
      if (info === undefined) continue
      const read = await readNar(info, { site, pool, signal })
      nars += 1
      bytes += read.bytes
      if (read.fault !== undefined) faults.push(read.fault)
      else {
        if (info.fileHash !== undefined) checked += 1
        if (largest.includes(hash)) places.push(read.place)
      }
    }
  } finally {
    signal.removeEventListener('abort', hangUp)
    pool.close()
  }
  const narSite = places[0]?.site ?? site
  const sameHost = places.filter(({ site: { host, port } }) => {
    return host === narSite.host && port === narSite.port
  })
  const narinfo = (hash: StoreHash) => placeOf(site, `${hash}.narinfo`).path
  const workload = {
    site,
    narinfoPaths: [...infos.keys()].map(narinfo),
    missingPaths: missing.map(narinfo),
    nars: { site: narSite, paths: sameHost.map(({ path }) => path) },
    roots: survey.roots,
    walkPaths: new Set(infos.keys()),
    walkNars,
    seconds: limits.seconds,
    maxBytes: shareOf(limits),
  }
  return { workload, firstRead: { nars, bytes, checked, faults } }
}

/**
 * Tries how many bytes a second a cache sends, so that nothing is chosen that would take minutes.
 * Redirects are not followed here.
 */
export async function trySpeed(
  subject: Subject,
  { infos }: Survey,
  limits: Limits,
  signal: AbortSignal,
): Promise<number> {
  const { site } = subject
  const sizeOf = ({ fileSize, narSize }: NarInfo) => fileSize ?? narSize
  const largest = [...(infos.get(subject)?.values() ?? [])]
    .sort((a, b) => sizeOf(b) - sizeOf(a))
    .slice(0, maxThroughputNars)
  const places = largest.map(({ url }) => locate(site, url))
  const paths = places.filter((place) => place.site === site).map(({ path }) => path)
  if (paths.length === 0) return carefulBytesPerSecond
  const seconds = Math.min(0.5, limits.seconds)
  const load = { site, paths, connections: 4, seconds, maxBytes: shareOf(limits) }
  const { bytes, seconds: taken, errors } = await runLoad(load, signal)
  return errors > 0 ? carefulBytesPerSecond : bytes / taken
}

/** What a walk may take, at the speed of the slowest cache. */
export function walkBytes(limits: Limits, bytesPerSecond: number): number {
  const inTime = Math.max(MiB, walkTimes * limits.seconds * bytesPerSecond)
  return Math.min(shareOf(limits), maxWalkBytes, inTime)
}

/** What the NARs for the throughput may take together, at the speed of the slowest cache. */
export function throughputBytes(limits: Limits, bytesPerSecond: number): number {
  const inTime = Math.max(MiB, walkTimes * limits.seconds * bytesPerSecond)
  return Math.min(shareOf(limits), maxThroughputBytes, inTime)
}
