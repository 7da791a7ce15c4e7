import type { NarChecker } from '../codec/nar-check.ts'
import type { Repacker } from '../codec/nar-repack.ts'
import type { Config } from '../config/config.ts'
import { printCacheInfo } from '../nix/cache-info.ts'
import { formatPublicKey, type KeyRing } from '../nix/signature.ts'
import { Narinfos } from '../proxy/narinfos.ts'
import { Nars } from '../proxy/nars.ts'
import type { PendingNars } from '../proxy/pending-nars.ts'
import { Prefetch, slotsFor } from '../proxy/prefetch.ts'
import { Recompression } from '../proxy/recompression.ts'
import { Uploads } from '../proxy/uploads.ts'
import type { Upstream } from '../proxy/upstream.ts'
import type { Disk } from '../store/disk.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import type { AnswerParts } from './answer.ts'
import { type Home, openHome } from './answer-page.ts'
import { readAssets, readTemplate } from './assets.ts'
import { Live } from './live.ts'
import { readUploadSecrets } from './open-upload.ts'
import { openUpstreams } from './open-upstreams.ts'
import type { watchProcess } from './process-figures.ts'
import type { RecentErrors } from './recent-errors.ts'
import type { StatusSources } from './status-report.ts'
import type { Streams } from './streams.ts'

/** What one run of the server has once, whatever its configuration becomes. */
export interface Foundation extends Pick<StatusSources, 'version' | 'startedAt' | 'isStopping'> {
  /** Where it listens; filled while it starts. */
  readonly addresses: string[]
  readonly disk: Disk
  readonly checker: NarChecker
  readonly repacker: Repacker
  /** NARs that were pushed and wait for their narinfos, whatever the configuration becomes. */
  readonly pending: PendingNars
  readonly watch: ReturnType<typeof watchProcess>
  readonly streams: Streams
  readonly recentErrors: RecentErrors
  readonly log: Log
  readonly telemetry: Telemetry
  /** Aborts when the server has stopped answering. */
  readonly signal: AbortSignal
}

/**
 * What answers requests under one configuration. It is never changed: another configuration makes
 * other parts, and a request ends with those it began with.
 */
export interface Parts extends AnswerParts {
  readonly config: Config
  readonly upstreams: readonly Upstream[]
  readonly recompression: Recompression
}

/**
 * Makes the parts of a configuration. Narinfos start with nothing in memory, and what they take from
 * the disk is judged by this configuration's keys.
 *
 * @param before the parts in use until now; downloads go on through a change, so both share them
 * @throws AppError SECRET_UNREADABLE, TOKENS_UNREADABLE, BAD_KEY; then nothing has changed
 */
export async function openParts(
  config: Config,
  foundation: Foundation,
  before?: Parts,
): Promise<Parts> {
  const { cache, limits, recompress } = config
  const { disk, checker, repacker, log, telemetry, signal } = foundation
  const secrets = await readUploadSecrets(config)
  const upstreams = await openUpstreams(config, { log, telemetry })
  const { maxDownloads, patienceMs } = limits
  const shared = { disk, upstreams, patienceMs, storeDir: cache.storeDir, log, signal }
  const { tokens, ownKeys } = secrets
  const narinfos = new Narinfos({ ...shared, ...cache, ownKeys })
  before?.narinfos.handOver(narinfos)
  const changing = { upstreams, narinfos, maxDownloads, patienceMs, repackLevel: recompress.level }
  const nars = before?.nars ?? new Nars({ ...shared, ...changing, checker, repacker })
  before?.nars.use(changing)
  const settings = { narinfos, nars, ...slotsOf(config) }
  const prefetch = before?.prefetch ?? new Prefetch({ ...foundation, ...settings })
  before?.prefetch.use(settings)
  const recompression = before?.recompression ?? new Recompression(foundation, recompress, nars)
  before?.recompression.use(recompress)
  const sources = {
    ...foundation,
    memoryBytes: cache.memoryBytes,
    upstreams,
    narinfos,
    nars,
    prefetch,
    recompression,
  }
  const live = before?.live ?? new Live(sources, foundation.recentErrors, signal)
  live.use(sources)
  return {
    config,
    upstreams,
    narinfos,
    nars,
    prefetch,
    recompression,
    cacheInfo: Buffer.from(cacheInfoOf(config)),
    home: homeOf(upstreams, ownKeys, foundation.version),
    assets: before?.assets ?? readAssets(),
    live,
    operator: {
      sources,
      live,
      telemetry,
      watch: foundation.watch,
    },
    upload: {
      ...{ tokens, disk, storeDir: cache.storeDir },
      uploads: new Uploads({
        ...{ ...shared, ...secrets, narinfos, nars, checker, pending: foundation.pending },
        maxUploadBytes: limits.maxUploadBytes,
      }),
    },
    streams: foundation.streams,
    log,
    telemetry,
  }
}

function slotsOf({ prefetch, limits }: Config) {
  const slots = (isOn: boolean) =>
    slotsFor(isOn, prefetch.maxConcurrent, limits.upstreamConnections)
  return { maxNarinfos: slots(prefetch.narinfos), maxNars: slots(prefetch.nars) }
}

function cacheInfoOf({ cache }: Config): string {
  const { storeDir, priority } = cache
  return printCacheInfo({ storeDir, wantMassQuery: true, priority })
}

function homeOf(upstreams: readonly Upstream[], ownKeys: KeyRing, version: string): Home {
  const rings = [...upstreams.map((upstream) => upstream.keys), ownKeys]
  const keys = rings.flatMap((ring) => [...ring.values()].map(formatPublicKey))
  const facts = {
    version,
    upstreams: upstreams.map(({ source }) => source.name),
    publicKeys: [...new Set(keys)],
  }
  return openHome(facts, readTemplate())
}
