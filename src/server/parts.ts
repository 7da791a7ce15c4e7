import type { NarChecker } from '../codec/nar-check.ts'
import type { Config } from '../config/config.ts'
import { printCacheInfo } from '../nix/cache-info.ts'
import { formatPublicKey } from '../nix/signature.ts'
import { Narinfos } from '../proxy/narinfos.ts'
import { Nars } from '../proxy/nars.ts'
import type { Upstream } from '../proxy/upstream.ts'
import type { Disk } from '../store/disk.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import type { AnswerParts } from './answer.ts'
import { homePage } from './home-page.ts'
import { openUpstreams } from './open-upstreams.ts'
import type { watchProcess } from './process-figures.ts'
import type { StatusSources } from './status-report.ts'
import type { Streams } from './streams.ts'

/** What one run of the server has once, whatever its configuration becomes. */
export interface Foundation extends Pick<StatusSources, 'version' | 'startedAt' | 'isStopping'> {
  /** Where it listens; filled while it starts. */
  readonly addresses: string[]
  readonly disk: Disk
  readonly checker: NarChecker
  readonly watch: ReturnType<typeof watchProcess>
  readonly streams: Streams
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
}

/**
 * Makes the parts of a configuration. Narinfos start with nothing in memory, and what they take from
 * the disk is judged by this configuration's keys.
 *
 * @param before the parts in use until now; downloads go on through a change, so both share them
 * @throws AppError SECRET_UNREADABLE; then nothing has changed
 */
export async function openParts(
  config: Config,
  foundation: Foundation,
  before?: Parts,
): Promise<Parts> {
  const { cache, limits } = config
  const { disk, checker, log, telemetry, signal } = foundation
  const upstreams = await openUpstreams(config, { log, telemetry })
  const { maxDownloads, patienceMs } = limits
  const shared = { disk, upstreams, patienceMs, storeDir: cache.storeDir, log, signal }
  const narinfos = new Narinfos({ ...shared, ...cache })
  const nars = before?.nars ?? new Nars({ ...shared, narinfos, checker, maxDownloads })
  before?.nars.use({ upstreams, narinfos, maxDownloads, patienceMs })
  return {
    config,
    upstreams,
    narinfos,
    nars,
    cacheInfo: Buffer.from(cacheInfoOf(config)),
    home: Buffer.from(homeOf(upstreams, foundation.version)),
    operator: {
      sources: { ...foundation, memoryBytes: cache.memoryBytes, upstreams, narinfos, nars },
      telemetry,
      watch: foundation.watch,
    },
    streams: foundation.streams,
    log,
    telemetry,
  }
}

function cacheInfoOf({ cache }: Config): string {
  const { storeDir, priority } = cache
  return printCacheInfo({ storeDir, wantMassQuery: true, priority })
}

function homeOf(upstreams: readonly Upstream[], version: string): string {
  const keys = upstreams.flatMap((upstream) => [...upstream.keys.values()].map(formatPublicKey))
  return homePage({
    version,
    upstreams: upstreams.map(({ source }) => source.name),
    publicKeys: [...new Set(keys)],
  })
}
