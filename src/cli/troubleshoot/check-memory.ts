import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CacheInfo } from '../../nix/cache-info.ts'
import type { NarInfo } from '../../nix/narinfo.ts'
import { type Check, ok, unchecked, warning } from './check.ts'
import { nameOf } from './check-paths.ts'
import { type OwnNix, plainAddress } from './own-nix.ts'

interface Remembered {
  readonly priority: number
  readonly storeDir: string
  /** hashes remembered as absent, and when, in seconds since 1970 */
  readonly absent: ReadonlyMap<string, number>
}

export interface MemoryFacts {
  readonly url: URL
  readonly nix: OwnNix | undefined
  readonly cacheInfo: CacheInfo | undefined
  /** what the cache has by now */
  readonly infos: readonly NarInfo[]
  readonly env: NodeJS.ProcessEnv
}

/** Nix keeps what a cache has said, and goes by that: old answers may stand against those of now. */
export function checkMemory({ url, nix, cacheInfo, infos, env }: MemoryFacts): Check {
  if (nix === undefined) return unchecked('memory', 'There is no Nix here.')
  if (cacheInfo === undefined) return unchecked('memory', 'The cache does not answer.')
  const directory = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'nix')
  const isDaemons = nix.hasDaemon
    ? " (of this user; the daemon's is in /root/.cache/nix and needs root to be read)"
    : ''
  const file = newestMemory(directory)
  if (file === undefined) return ok('memory', `Nix remembers nothing of it${isDaemons}.`)
  const remembered = read(file, url)
  if (remembered === undefined) return ok('memory', `Nix remembers nothing of it${isDaemons}.`)
  const forget = {
    todo: 'Make Nix forget; it asks again then:',
    lines: [`rm ${join(directory, 'binary-cache-v*.sqlite*')}`],
  }
  const priority = cacheInfo.priority ?? 0
  if (remembered.priority !== priority || remembered.storeDir !== cacheInfo.storeDir)
    return warning(
      'memory',
      `Nix remembers Priority ${remembered.priority} and StoreDir ${remembered.storeDir}; it says ${priority} and ${cacheInfo.storeDir} now.`,
      { ...forget, symptom: 'priority-ignored' },
    )
  const lifeSeconds = Number(nix.settings['narinfo-cache-negative-ttl'] ?? 3600)
  for (const { storePath } of infos) {
    const at = remembered.absent.get(storePath.hash)
    if (at === undefined) continue
    const minutes = Math.ceil((at + lifeSeconds - Date.now() / 1000) / 60)
    if (minutes > 0)
      return warning(
        'memory',
        `Nix remembers ${nameOf(storePath)} as absent for ${minutes} more minutes; the cache has it.`,
        { ...forget, symptom: 'remembered-absence' },
      )
  }
  return ok('memory', `What Nix remembers of it agrees with it${isDaemons}.`)
}

function newestMemory(directory: string): string | undefined {
  try {
    const names = readdirSync(directory).filter((name) => /^binary-cache-v\d+\.sqlite$/.test(name))
    const version = (name: string) => Number(/\d+/.exec(name)?.[0])
    const [newest] = names.toSorted((a, b) => version(b) - version(a))
    return newest && join(directory, newest)
  } catch {
    return undefined
  }
}

/** Tables of src/libstore/nar-info-disk-cache.cc of NixOS/nix; undefined where they are others. */
function read(file: string, url: URL): Remembered | undefined {
  try {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 100 })
    try {
      const caches = database.prepare('select id, url, storeDir, priority from BinaryCaches').all()
      const own = caches.find((cache) => plainAddress(String(cache.url)) === plainAddress(url.href))
      if (own === undefined) return undefined
      const absent = database
        .prepare('select hashPart, timestamp from NARs where cache = ? and present = 0')
        .all(own.id as number)
      return {
        priority: Number(own.priority),
        storeDir: String(own.storeDir),
        absent: new Map(absent.map((row) => [String(row.hashPart), Number(row.timestamp)])),
      }
    } finally {
      database.close()
    }
  } catch {
    return undefined
  }
}
