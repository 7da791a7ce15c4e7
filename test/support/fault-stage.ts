import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'vitest'
import type { ClosureOptions } from '../../src/cli/demo/closure.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { AuditOptions } from './audit-data-dir.ts'
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts'
import { type NarwhalOptions, type NarwhalProcess, startNarwhal } from './narwhal-process.ts'
import {
  type Baseline,
  baselineOf,
  expectCalm,
  expectQuickHits,
  expectSoundDataDir,
  expectTruth,
  type QuickHits,
} from './oracles.ts'
import { type RawResponse, type RequestOptions, requestRaw } from './raw-http.ts'
import { type SyntheticCache, syntheticCache } from './synthetic-cache.ts'
import { type RelayOptions, startTcpRelay, type TcpRelay } from './tcp-relay.ts'
import { tempDir } from './temp-dir.ts'

export interface StageOptions
  extends Pick<NarwhalOptions, 'wrapper' | 'env' | 'dataDir'>,
    Pick<ClosureOptions, 'paths' | 'totalBytes' | 'compression'> {
  /** honest upstreams to start, each a little worse in priority than the one before; default 1 */
  readonly upstreams?: number
  /** puts a line like this before each of them */
  readonly line?: Omit<RelayOptions, 'to'>
  /** more upstreams, before (better than) those started here */
  readonly before?: readonly string[]
  /** further tables of narwhal's configuration file */
  readonly config?: string
  /** true to fetch narinfos ahead, as a server does by default */
  readonly fetchesAhead?: boolean
  /** limits.patience; short unless a test is about it */
  readonly patience?: string
  /** what oracle B lets pass */
  readonly audit?: AuditOptions
  /** milliseconds for the whole test; default 180,000 */
  readonly timeout?: number
}

/** A real server before fake upstreams that all serve the same synthetic cache. */
export interface FaultStage {
  readonly cache: SyntheticCache
  readonly narwhal: NarwhalProcess
  readonly upstreams: readonly FakeUpstream[]
  /** the best of them */
  readonly upstream: FakeUpstream
  /** the second best; only where two were asked for */
  readonly other: FakeUpstream
  /** the lines to them, where there are any */
  readonly lines: readonly TcpRelay[]
  /** the path most tests are about: the root of the closure */
  readonly info: NarInfo
  /** its file at the origin */
  readonly bytes: Buffer
  /** what the server held when it was new */
  readonly baseline: Baseline
  /** Asks narwhal, and holds what it says against the origin (oracle A). */
  get(path: string, options?: RequestOptions): Promise<RawResponse>
  /** of `info` unless said otherwise */
  narinfo(info?: NarInfo): Promise<RawResponse>
  nar(options?: RequestOptions): Promise<RawResponse>
  /** Oracle E, asked of the narinfo of `info` while the load runs. */
  expectQuickHits<T>(load: () => Promise<T>, options?: Omit<QuickHits, 'path'>): Promise<T>
  /** Oracle C, while it runs. */
  expectCalm(): Promise<void>
  /** Oracles C and B, and with that the end of the server; faultTest ends with them. */
  expectOracles(): Promise<void>
}

/** A test of the fault catalogue: `body` on a stage of its own, then oracles B and C. */
export function faultTest(
  title: string,
  options: StageOptions,
  body: (stage: FaultStage) => Promise<void>,
): void {
  test(title, { timeout: options.timeout ?? 180_000 }, async () => {
    const stage = await faultStage(options)
    await body(stage)
    await stage.expectOracles()
  })
}

export async function faultStage(options: StageOptions = {}): Promise<FaultStage> {
  const { paths = 1, totalBytes = 1_000_000, compression = 'zstd', upstreams: count = 1 } = options
  const cache = await syntheticCache({ paths, totalBytes, compression })
  const upstreams = await Promise.all(
    Array.from({ length: count }, () => startFakeUpstream(cache.directory)),
  )
  const { line } = options
  const lines = line
    ? await Promise.all(upstreams.map(({ port }) => startTcpRelay({ ...line, to: port })))
    : []
  const ends = line ? lines : upstreams
  const urls = [...(options.before ?? []), ...ends.map(({ url }) => url)]
  const narwhal = await startNarwhal({
    ...options,
    // as `npm start` runs it
    env: {
      NODE_OPTIONS: '--max-semi-space-size=4',
      NARWHAL_LIMITS_PATIENCE: options.patience ?? '500ms',
      // It begins when the machine is idle: no test may depend on that.
      NARWHAL_RECOMPRESS_ENABLED: 'false',
      // Nor on which paths are known by now because others refer to them.
      ...(options.fetchesAhead ? {} : { NARWHAL_PREFETCH_NARINFOS: 'false' }),
      ...options.env,
    },
    upstreams: [],
    trustedKeys: [cache.publicKey],
    args: ['--config', await writeConfig(urls, options.config)],
  })
  const baseline = await baselineOf(narwhal)
  const info = cache.infos.at(-1) as NarInfo

  const stage: FaultStage = {
    cache,
    narwhal,
    upstreams,
    lines,
    upstream: upstreams[0] as FakeUpstream,
    other: upstreams[1] as FakeUpstream,
    info,
    bytes: await cache.bytesOf(info),
    baseline,
    async get(path, request) {
      const response = await requestRaw(`${narwhal.url}${path}`, request)
      const isOrigins = /^\/(nar\/|[^/]+\.narinfo$)/.test(path)
      const truth =
        isOrigins && (await readFile(join(cache.directory, path)).catch(() => undefined))
      if (truth && request?.method !== 'HEAD') expectTruth(response, truth)
      return response
    },
    narinfo: ({ storePath } = info) => stage.get(`/${storePath.hash}.narinfo`),
    nar: (request) => stage.get(`/${info.url}`, request),
    async expectQuickHits(load, quick) {
      await stage.narinfo()
      return expectQuickHits(narwhal, load, { ...quick, path: `/${info.storePath.hash}.narinfo` })
    },
    expectCalm: () => expectCalm(narwhal, baseline, upstreams),
    async expectOracles() {
      await stage.expectCalm()
      await narwhal.stop()
      // the one download a test is about may have been left to be resumed later
      await expectSoundDataDir(narwhal.dataDir, { maxPartials: 1, ...options.audit })
    },
  }
  return stage
}

async function writeConfig(urls: readonly string[], tables = ''): Promise<string> {
  const file = join(await tempDir('config'), 'narwhal.toml')
  const upstreams = urls.map(
    (url, at) => `[[upstream]]\nurl = "${url}"\npriority = ${10 * (at + 1)}\n`,
  )
  await writeFile(file, [tables, ...upstreams].join('\n'))
  return file
}
