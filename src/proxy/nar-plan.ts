import { type AppError, isAppError, upstreamTroubles } from '../errors.ts'
import type { Compression } from '../nix/compression.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import type { NarInfo } from '../nix/narinfo.ts'
import type { StoreHash } from '../nix/store-path.ts'
import {
  isRepackable,
  type NarFile,
  narFileOf,
  parseNarFile,
  repackedFileOf,
} from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import { infoOf } from '../store/record-info.ts'
import { asOriginal } from '../store/repacked.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { askOne } from './ask-upstreams.ts'
import type { Narinfos } from './narinfos.ts'
import type { Prospects } from './prospects.ts'
import type { Upstream } from './upstream.ts'

/** What is known of a NAR file before its first byte: what to check it against, and where to get it. */
export interface NarPlan {
  readonly file: NarFile
  readonly compression: Compression
  /** Hash and size of the file as it travels, where somebody has said them. */
  readonly fileHash: Hash | undefined
  readonly size: number | undefined
  /** What the signature covers; undefined where the name is all that is certain of the file. */
  readonly nar: { readonly hash: Hash; readonly size: number } | undefined
  /** The narinfo that led here; undefined for a file known by its name alone. */
  readonly storeHash: StoreHash | undefined
  readonly record: NarinfoRecord | undefined
  /** The file this one is the zstd form of; undefined for one that upstreams have themselves. */
  readonly original: NarFile | undefined
}

/** One place to get the file from. */
export interface NarOffer {
  readonly upstream: Upstream
  readonly url: string
}

/**
 * Finds out what a NAR URL we once handed out stands for, also after its narinfo was lost.
 *
 * @returns undefined when nothing can be known of it: it is certainly absent
 * @throws AppError when the upstreams could not say
 */
export async function planNar(
  file: NarFile,
  { disk, narinfos }: { readonly disk: Disk; readonly narinfos: Narinfos },
): Promise<NarPlan | undefined> {
  const known = knownPlan(file, disk)
  if (known) return known
  if (file.shape === 'path') {
    // It may lead to the original by now, after the zstd form was evicted.
    const kept = await disk.narinfo(file.storeHash)
    const plan = kept?.upstreamUrl !== undefined && planFrom(file, kept)
    if (plan) return plan
    const fresh = await narinfos.ask(file.storeHash)
    return fresh && planFrom(file, fresh)
  }
  const records = disk.narinfosOfFile(file.name)
  const [record] = records
  if (record) return unlessDisputed(planOf(file, record), records)
  return {
    file,
    compression: file.compression,
    fileHash: file.fileHash,
    size: undefined,
    nar: undefined,
    storeHash: undefined,
    record: undefined,
    original: undefined,
  }
}

/**
 * True when a download may go on with what an earlier one left. Without the file's own hash, two
 * upstreams may have it in different bytes; without its size, nobody can tell what is whole from what
 * lacks its end, and an upstream has no rest to give of the one.
 */
export function mayResume({ fileHash, size }: NarPlan): boolean {
  return fileHash !== undefined && size !== undefined
}

/** The plan for a file whose narinfo is here and says which upstream has it. */
export function knownPlan(file: NarFile, disk: Disk): NarPlan | undefined {
  const records = [...disk.narinfosOfFile(file.name), ...disk.narinfosOfOriginal(file.name)]
  const record = records.find(({ upstreamUrl }) => upstreamUrl !== undefined)
  const plan = record && planFrom(file, record)
  return plan && unlessDisputed(plan, records)
}

/**
 * Where narinfos that lead to the same file tell different things of it, one of them lies: no signature
 * covers the name of a file. Then its name is believed, which is its hash; which of them fit is found out
 * when it is here.
 */
function unlessDisputed(plan: NarPlan, records: readonly NarinfoRecord[]): NarPlan {
  const { file } = plan
  if (file.shape !== 'file' || plan.original || isOfOneMind(records)) return plan
  return { ...plan, compression: file.compression, size: undefined, nar: undefined }
}

function isOfOneMind(records: readonly NarinfoRecord[]): boolean {
  if (records.length < 2) return true
  const said = records.map(infoOf).map(({ narHash, narSize, compression, fileSize }) => {
    return [formatHash(narHash), narSize, compression, fileSize].join()
  })
  return new Set(said).size === 1
}

/** @returns undefined when the narinfo leads neither to this file nor to one it can be made of */
function planFrom(file: NarFile, record: NarinfoRecord): NarPlan | undefined {
  if (record.original || record.file !== file.name) return planRepack(file, record)
  return planOf(file, record)
}

/**
 * The plan for making this file of what its narinfo's upstream offers, or for taking that as it is
 * where it is packed with zstd by now; undefined when it cannot be.
 */
export function planRepack(file: NarFile, record: NarinfoRecord): NarPlan | undefined {
  const offered = asOriginal(record)
  const original = parseNarFile(offered.file)
  const isFormOfIt = record.file === file.name || repackedFileOf(infoOf(offered)) === file.name
  if (!original || !isFormOfIt) return undefined
  if (original.compression === 'zstd') return planOf(file, offered)
  if (!isRepackable(original)) return undefined
  return {
    ...planOf(file, offered),
    compression: 'zstd',
    fileHash: undefined,
    size: record.original && infoOf(record).fileSize,
    original,
  }
}

function planOf(file: NarFile, record: NarinfoRecord): NarPlan {
  const info = infoOf(record)
  return {
    file,
    compression: info.compression,
    fileHash: fileHashOf(file, info),
    size: sizeOf(info),
    nar: { hash: info.narHash, size: info.narSize },
    storeHash: record.hash,
    record,
    original: undefined,
  }
}

/** An uncompressed NAR file is the NAR itself. Files are hashed as they pass with SHA-256 only. */
function fileHashOf(file: NarFile, info: NarInfo): Hash | undefined {
  if (file.shape === 'file') return file.fileHash
  const hash = info.compression === 'none' ? info.narHash : info.fileHash
  return hash?.algorithm === 'sha256' ? hash : undefined
}

/** An uncompressed NAR is as long as it unpacks to, also where its cache gives no FileSize. */
function sizeOf(info: NarInfo): number | undefined {
  return info.compression === 'none' ? info.narSize : info.fileSize
}

/** One time around the upstreams. */
export interface Round {
  readonly prospects: Prospects
  /** Told of each upstream that could not say whether it has the file. */
  readonly onFault: (fault: AppError) => void
}

interface OfferContext extends Round {
  readonly storeDir: string
  readonly log: Log
  readonly signal: AbortSignal
  /** As in Patience: nobody is asked around for what no client waits for. */
  readonly giveUp: () => boolean
}

/**
 * Offers the places to get the file from, the likeliest first. Asking for the next offer asks the
 * next upstream, so that nobody is asked in vain.
 */
export async function* offersOf(
  plan: NarPlan,
  upstreams: readonly Upstream[],
  context: OfferContext,
): AsyncGenerator<NarOffer> {
  const { record } = plan
  const ordered = upstreams.toSorted((a, b) => a.priority - b.priority)
  const origin = ordered.find(({ source }) => source.name === record?.upstream)
  const { prospects } = context
  if (origin && prospects.includes(origin) && record?.upstreamUrl !== undefined)
    yield { upstream: origin, url: record.upstreamUrl }
  for (const upstream of ordered) {
    if (upstream === origin || !prospects.includes(upstream)) continue
    if (context.giveUp()) context.signal.throwIfAborted()
    const url = await urlAt(upstream, plan, context)
    if (url !== undefined) yield { upstream, url }
  }
}

/** Where this upstream keeps the very same file; undefined when it has another one, or none. */
async function urlAt(
  upstream: Upstream,
  plan: NarPlan,
  context: OfferContext,
): Promise<string | undefined> {
  // A file named by its hash may be there whatever its narinfo says there.
  const byName = plan.file.shape === 'file' ? `nar/${plan.file.name}` : undefined
  if (plan.storeHash === undefined) return byName
  try {
    const question = { ...context, hash: plan.storeHash }
    const info = await askOne(upstream, question, context.signal)
    if (info && narFileOf(info) === plan.file.name) return info.url
    if (byName === undefined) context.prospects.ruleOut(upstream)
  } catch (error) {
    context.log.info({ upstream: upstream.source.name, error: String(error) }, 'no second source')
    if (isAppError(error, ...upstreamTroubles)) context.onFault(error)
  }
  return byName
}
