import type { Compression } from '../nix/compression.ts'
import type { Hash } from '../nix/hash.ts'
import type { NarInfo } from '../nix/narinfo.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { type NarFile, narFileOf } from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import type { NarinfoRecord } from '../store/sqlite-index.ts'
import type { Log } from '../telemetry.ts'
import { askOne } from './ask-upstreams.ts'
import { infoOf } from './hand-out.ts'
import type { Narinfos } from './narinfos.ts'
import type { Upstream } from './upstream.ts'

/** What is known of a NAR file before its first byte: what to check it against, and where to get it. */
export interface NarPlan {
  readonly file: NarFile
  readonly compression: Compression
  /** Hash and size of the file as it travels, where somebody has said them. */
  readonly fileHash: Hash | undefined
  readonly size: number | undefined
  /** What the signature covers; undefined for a file known by its name alone. */
  readonly nar: { readonly hash: Hash; readonly size: number } | undefined
  /** The narinfo that led here; undefined for a file known by its name alone. */
  readonly storeHash: StoreHash | undefined
  readonly record: NarinfoRecord | undefined
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
  const known = disk.narinfosOfFile(file.name)
  const record = known.find(({ upstreamUrl }) => upstreamUrl !== undefined) ?? known[0]
  if (record?.upstreamUrl !== undefined) return planOf(file, record)
  if (file.shape === 'path') {
    const fresh = await narinfos.ask(file.storeHash)
    return fresh?.file === file.name ? planOf(file, fresh) : undefined
  }
  if (record) return planOf(file, record)
  return {
    file,
    compression: file.compression,
    fileHash: file.fileHash,
    size: undefined,
    nar: undefined,
    storeHash: undefined,
    record: undefined,
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

/**
 * Offers the places to get the file from, the likeliest first. Asking for the next offer asks the
 * next upstream, so that nobody is asked in vain.
 */
export async function* offersOf(
  plan: NarPlan,
  upstreams: readonly Upstream[],
  context: { readonly storeDir: string; readonly log: Log; readonly signal: AbortSignal },
): AsyncGenerator<NarOffer> {
  const { record } = plan
  const ordered = upstreams.toSorted((a, b) => a.priority - b.priority)
  const origin = ordered.find(({ source }) => source.name === record?.upstream)
  if (origin && record?.upstreamUrl !== undefined)
    yield { upstream: origin, url: record.upstreamUrl }
  for (const upstream of ordered) {
    if (upstream === origin) continue
    const url = await urlAt(upstream, plan, context)
    if (url !== undefined) yield { upstream, url }
  }
}

/** Where this upstream keeps the very same file; undefined when it has another one, or none. */
async function urlAt(
  upstream: Upstream,
  plan: NarPlan,
  context: { readonly storeDir: string; readonly log: Log; readonly signal: AbortSignal },
): Promise<string | undefined> {
  if (plan.storeHash !== undefined) {
    const question = { ...context, hash: plan.storeHash }
    const info = await askOne(upstream, question, context.signal).catch((error: unknown) => {
      context.log.info({ upstream: upstream.source.name, error: String(error) }, 'no second source')
      return undefined
    })
    if (info && narFileOf(info) === plan.file.name) return info.url
  }
  return plan.file.shape === 'file' ? `nar/${plan.file.name}` : undefined
}
