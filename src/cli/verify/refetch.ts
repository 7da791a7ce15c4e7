import { access } from 'node:fs/promises'
import { startRepacker } from '../../codec/nar-repack.ts'
import type { Config } from '../../config/config.ts'
import { AppError, isAppError, messageOf, upstreamTroubles } from '../../errors.ts'
import { parseNarInfo } from '../../nix/narinfo.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { parseNarFile } from '../../policy/nar-file.ts'
import { Narinfos } from '../../proxy/narinfos.ts'
import { type DownloadProgress, Nars } from '../../proxy/nars.ts'
import { type CheckOptions, checkNar, checkPath, type Finding } from '../../proxy/verify-cache.ts'
import { openUpstreams } from '../../server/open-upstreams.ts'
import type { Disk } from '../../store/disk.ts'
import { createTelemetry, silentLog } from '../../telemetry.ts'
import { KiB } from '../../units.ts'

/**
 * How a repair ended. `lost`: every upstream was asked, and none has it any more. `unreachable`: it
 * could not be fetched now, and will be when asked for. `aside`: it was pushed here, and what there is
 * of it lies in `quarantine/`, since no upstream could give it.
 */
export type Outcome =
  | { readonly kind: 'repaired' }
  | { readonly kind: 'lost' | 'unreachable' | 'aside'; readonly why: string }

export interface Refetch {
  /** NARs that have come. */
  readonly arrived: ReadonlySet<string>
  /** The finding with all narinfos in `cache/` that promise its NAR: they go when it goes. */
  scopeOf(finding: Finding): Promise<Finding>
  /**
   * Looks once more, takes out what is damaged and fetches it again.
   *
   * @param damage with all it takes with it
   * @throws the signal's reason once it is aborted; what was taken out is then out still
   */
  repair(damage: Finding): Promise<Outcome>
  /** What it fetches now. */
  inProgress(): readonly DownloadProgress[]
  close(): Promise<void>
}

export interface RefetchTools {
  readonly disk: Disk
  readonly check: CheckOptions
  readonly signal: AbortSignal
}

/** Faults that say nothing about what upstreams have, nor about the narinfo that led to them. */
const passing = ['NO_ANSWER', 'UNSURE', 'DISK', ...upstreamTroubles] as const

const readBytes = 256 * KiB

/**
 * Opens what fetches again, in the way the server does: from the configured upstreams, checked by
 * every hash there is. It reaches for no upstream yet.
 *
 * @throws AppError SECRET_UNREADABLE
 */
export async function openRefetch(config: Config, tools: RefetchTools): Promise<Refetch> {
  const { disk, check, signal } = tools
  const { checker, layout } = check
  const { cache, limits } = config
  const log = silentLog
  const upstreams = await openUpstreams(config, { log, telemetry: createTelemetry() })
  const shared = { disk, upstreams, ...cache, patienceMs: limits.patienceMs, log, signal }
  const narinfos = new Narinfos(shared)
  const repacker = startRepacker({ workers: 1 })
  const repackLevel = config.recompress.level
  const packing = { repacker, repackLevel }
  const nars = new Nars({ ...shared, ...packing, narinfos, checker, ...limits })
  const arrived = new Set<string>()
  const buffer = Buffer.allocUnsafe(readBytes)

  /** Settles once the NAR is kept, was found on the disk, or has gone by for want of room. */
  async function fetchNar(name: string): Promise<void> {
    const file = parseNarFile(name)
    const open = file && (await nars.open(file))
    if (!open) throw new AppError('NAR_GONE', `no upstream has nar/${name}`)
    try {
      let position = 0
      for (let bytes = -1; bytes !== 0; position += bytes)
        bytes = await open.reader.read(buffer, position)
    } finally {
      open.reader.close()
      await nars.settled()
    }
    arrived.add(name)
  }

  /** @returns what is wrong, with undefined for a narinfo that is not there; empty when nothing is */
  async function whatIsWrong(hash: StoreHash): Promise<readonly (Finding | undefined)[]> {
    const checked = await checkPath(hash, check)
    return checked ? checked.findings.filter(({ kind }) => kind === 'damaged') : [undefined]
  }

  /** Fetches what a narinfo promises, or what upstreams offer for its path by now. */
  async function fetchPath(hash: StoreHash): Promise<void> {
    // The index may hold a sound narinfo still, and need nobody.
    const { text } = await narinfos.find(hash)
    if (!text) throw goneNarinfo(hash)
    try {
      await fetchNar(fileOf(text))
    } catch (error) {
      signal.throwIfAborted()
      if (isAppError(error, ...passing)) throw error
      const fresh = await narinfos.ask(hash)
      if (!fresh) throw goneNarinfo(hash)
      if (fresh.text === text.toString()) throw error
      await fetchNar(fresh.file)
    }
  }

  /** Brings a narinfo and its NAR back into `cache/`. */
  async function restore(hash: StoreHash): Promise<void> {
    // A second time for a NAR that shows its damage only once its narinfo is back.
    for (let tries = 0; tries < 2; tries += 1) {
      const wrong = await whatIsWrong(hash)
      if (wrong.length === 0) return
      for (const finding of wrong)
        if (finding?.nar !== undefined) await disk.lose(finding.nar, finding.why)
        // What the index says is no better.
        else if (finding && tries > 0) await narinfos.forget(hash)
      await fetchPath(hash)
      const record = await disk.narinfo(hash)
      if (record) await disk.putBeside(record)
    }
    if ((await whatIsWrong(hash)).length === 0) return
    throw notKept(`${hash}.narinfo`)
  }

  async function restoreOrDrop(hash: StoreHash): Promise<Outcome> {
    try {
      await restore(hash)
      return { kind: 'repaired' }
    } catch (error) {
      signal.throwIfAborted()
      const outcome = outcomeOf(error)
      const [wrong] = await whatIsWrong(hash)
      // What the index says of a path that is only out of reach still leads to it.
      if (outcome.kind === 'lost' || wrong) await disk.forget(hash)
      return outcome
    }
  }

  /** Nobody here promises it, but clients remember its URL. */
  async function fetchUnpromised(nar: string): Promise<Outcome> {
    try {
      const { findings } = await checkNar(nar, () => false, check)
      const wrong = findings.find(({ kind }) => kind === 'damaged')
      if (wrong) await disk.lose(nar, wrong.why)
      else if (await exists(layout.nar(nar))) return { kind: 'repaired' }
      await fetchNar(nar)
      if (!(await exists(layout.nar(nar)))) throw notKept(`nar/${nar}`)
      return { kind: 'repaired' }
    } catch (error) {
      signal.throwIfAborted()
      return outcomeOf(error)
    }
  }

  /** It may have been set aside already, when the index was brought in step. */
  async function wasPushed(nar: string): Promise<boolean> {
    return (await disk.origin.isMarked(nar)) || exists(disk.origin.asideOf(nar))
  }

  /** What was pushed here stays so where it could be fetched, and lies set aside where not. */
  async function keepPushed(
    { nar, narinfos: hashes }: Finding,
    outcome: Outcome,
  ): Promise<Outcome> {
    for (const hash of hashes) {
      const file = (await disk.narinfo(hash))?.file
      if (file !== undefined) await disk.origin.markAgain(file)
    }
    const isAside = nar !== undefined && (await exists(disk.origin.asideOf(nar)))
    return outcome.kind === 'repaired' || !isAside ? outcome : { ...outcome, kind: 'aside' }
  }

  return {
    arrived,
    async scopeOf(finding) {
      const { nar } = finding
      const promising = nar === undefined ? [] : disk.narinfosOfFile(nar).map(({ hash }) => hash)
      const standing = await Promise.all(promising.map((hash) => exists(layout.narinfo(hash))))
      const others = promising.filter((_, at) => standing[at])
      return {
        ...finding,
        narinfos: [...new Set([...finding.narinfos, ...others])],
        wasPushed: finding.wasPushed || (nar !== undefined && (await wasPushed(nar))),
      }
    },
    async repair(damage) {
      const { nar, narinfos: hashes } = damage
      if (nar !== undefined && hashes.length === 0) return fetchUnpromised(nar)
      const outcomes: Outcome[] = []
      for (const hash of hashes) outcomes.push(await restoreOrDrop(hash))
      return damage.wasPushed ? keepPushed(damage, worst(outcomes)) : worst(outcomes)
    },
    inProgress: () => nars.inProgress(),
    async close() {
      await nars.settled()
      await repacker.close()
      await Promise.all(upstreams.map(({ source }) => source.close()))
    },
  }
}

function outcomeOf(error: unknown): Outcome {
  if (!isAppError(error)) throw error
  const kind = isAppError(error, 'NAR_GONE', 'NAR_UNKNOWN') ? 'lost' : 'unreachable'
  return { kind, why: messageOf(error) }
}

function worst(outcomes: readonly Outcome[]): Outcome {
  const bad = outcomes.filter(({ kind }) => kind !== 'repaired')
  return bad.find(({ kind }) => kind === 'lost') ?? bad[0] ?? { kind: 'repaired' }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function notKept(file: string): AppError {
  return new AppError('DISK', `${file} cannot be kept: see cache.max_size and the free space`)
}

function goneNarinfo(hash: StoreHash): AppError {
  return new AppError('NAR_GONE', `no upstream has ${hash}.narinfo`)
}

function fileOf(text: Buffer): string {
  return parseNarInfo(text.toString()).url.replace(/^nar\//, '')
}
