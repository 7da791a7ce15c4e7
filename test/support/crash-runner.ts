import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { repackedFileOf } from '../../src/policy/nar-file.ts'
import { MiB } from '../../src/units.ts'
import { auditDataDir, lies } from './audit-data-dir.ts'
import { expectServed } from './expect-served.ts'
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts'
import { type NarwhalProcess, startNarwhal } from './narwhal-process.ts'
import { killingAt } from './strace.ts'
import { type SyntheticCache, syntheticCache } from './synthetic-cache.ts'
import { tempDir } from './temp-dir.ts'

/** When a server is killed: at the nth call of a system call, or so long after its start. */
export type Crash = { readonly call: string; readonly nth: number } | { readonly afterMs: number }

/** The steps of putting, evicting and indexing, as the kernel sees them. */
const calls = ['rename', 'unlink', 'rmdir', 'fdatasync', 'fsync', 'pwrite64', 'ftruncate'] as const
const often: Readonly<Partial<Record<string, number>>> = { pwrite64: 400, rename: 30, unlink: 40 }

/** Of the random kills; a server whose system calls are counted is three times as slow. */
const shareByTime = 0.3

/** @param random 0 to 1, as Math.random gives it */
export function randomCrash(random: () => number): Crash {
  if (random() < shareByTime) return { afterMs: Math.floor(random() * 600) }
  const call = calls[Math.floor(random() * calls.length)] as string
  return { call, nth: 1 + Math.floor(random() * (often[call] ?? 20)) }
}

export interface CrashSite {
  readonly cache: SyntheticCache
  readonly upstream: FakeUpstream
  readonly dataDir: string
  /** of its servers */
  readonly env: Readonly<Record<string, string>>
}

/** Room for about half of the closure, so that every round evicts. */
const maxSize = '3MiB'
/** What stands in tmp/ may be resumed; more than one round's downloads may not pile up. */
const audit = { maxBytes: 3 * MiB, maxPartials: 64 }
const clients = 4

export async function crashSite(env: CrashSite['env'] = {}): Promise<CrashSite> {
  const cache = await syntheticCache({ paths: 16, totalBytes: 6 * MiB, compression: 'none' })
  return {
    cache,
    upstream: await startFakeUpstream(cache.directory),
    dataDir: await tempDir('crash'),
    env,
  }
}

/**
 * Starts a server on what the last round left, lets clients fetch until it is killed, and looks at
 * what it leaves: every answer that ended well was right, and nothing on the disk is a lie.
 *
 * @returns true when it was killed before it had done its work
 */
export async function crashRound(site: CrashSite, crash: Crash): Promise<boolean> {
  const server = await start(site, wrapperOf(crash)).catch((error: Error) => {
    // Killed before it listened.
    if (!/narwhal ended/.test(error.message)) throw error
    return undefined
  })
  if (!server) {
    await expectNoLies(site)
    return true
  }
  const works = fetchAll(site, server)
  if ('afterMs' in crash) await Promise.race([works, wait(crash.afterMs)])
  else await works
  const hadEnded = !isRunning(server.pid)
  await server.kill()
  const isWhole = (await works) === 0
  await expectNoLies(site)
  return !isWhole || hadEnded
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Starts once more and expects that all is right again: what is served, the index, the room. */
export async function expectRecovery(site: CrashSite): Promise<void> {
  const server = await start(site, [])
  for (const info of site.cache.infos) await expectServed(server.url, site.cache, info)
  await expect
    .poll(() => auditDataDir(site.dataDir, audit), { interval: 100, message: lies })
    .toEqual([])
  expect(await server.stop()).toBe(0)
  expect(await auditDataDir(site.dataDir, { ...audit, maxPartials: 0 }), lies).toEqual([])
}

function start({ cache, upstream, dataDir, env }: CrashSite, wrapper: readonly string[]) {
  return startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir,
    wrapper,
    // strace counts calls by thread: with one thread for files, the nth is the nth
    env: { UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '1', ...env },
    args: ['--max-size', maxSize, '--log-level', 'warn'],
  })
}

function wrapperOf(crash: Crash): readonly string[] {
  if ('afterMs' in crash) return []
  return killingAt(crash.call, crash.nth)
}

/** @returns how many paths could not be fetched; a wrong byte fails the test */
async function fetchAll({ cache }: CrashSite, server: NarwhalProcess): Promise<number> {
  const waiting = [...cache.infos]
  let failed = 0
  const client = async () => {
    for (let info = waiting.shift(); info; info = waiting.shift()) {
      const response = await fetch(`${server.url}/${info.url}`).catch(() => undefined)
      const narinfo = await fetch(`${server.url}/${info.storePath.hash}.narinfo`).catch(
        () => undefined,
      )
      const body = await response?.arrayBuffer().catch(() => undefined)
      if (!(await zstdFormIsRight(cache, info, server))) failed += 1
      if (!body || !narinfo) failed += 1
      else {
        expect(response?.status, Buffer.from(body).toString('latin1', 0, 300)).toBe(200)
        expect(Buffer.from(body).equals(await cache.bytesOf(info)), info.url).toBe(true)
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return failed
}

/** The zstd form is made on the way, and takes the place of the original. @returns false when cut off */
async function zstdFormIsRight(
  cache: SyntheticCache,
  info: NarInfo,
  server: NarwhalProcess,
): Promise<boolean> {
  const response = await fetch(`${server.url}/nar/${repackedFileOf(info)}`).catch(() => undefined)
  const body = await response?.arrayBuffer().catch(() => undefined)
  if (!body) return false
  expect(response?.status).toBe(200)
  const nar = await promisify(zstdDecompress)(Buffer.from(body))
  expect(nar.equals(await cache.bytesOf(info)), `oracle A: the zstd form of ${info.url}`).toBe(true)
  return true
}

/** The index may lag behind and downloads may lie about; what has its name must be right. */
async function expectNoLies({ dataDir }: CrashSite): Promise<void> {
  const flaws = await auditDataDir(dataDir, audit).catch((error: Error) => {
    // Killed before the first directory was there.
    if (/ENOENT/.test(error.message)) return []
    throw error
  })
  expect(
    flaws.filter((flaw) => !/^the index |^tmp\//.test(flaw)),
    lies,
  ).toEqual([])
}
