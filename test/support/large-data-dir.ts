import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBase32 } from '../../src/nix/base32.ts'

export interface LargeEntry {
  readonly storeHash: string
  /** below `cache/` */
  readonly nar: string
}

/** The nth entry of every large data directory, so that tests can ask for any of them. */
export function largeEntry(at: number): LargeEntry {
  const digest = createHash('sha256').update(`entry ${at}`).digest()
  return {
    storeHash: encodeBase32(digest.subarray(0, 20)),
    nar: `nar/${encodeBase32(digest)}.nar`,
  }
}

/**
 * Makes a data directory with this many narinfos and NARs and no index. The NARs hold a few bytes
 * that match no hash: this is for what start-up, index and eviction do, which never read them.
 */
export function makeLargeDataDir(dataDir: string, entries: number): void {
  const cache = join(dataDir, 'cache')
  mkdirSync(join(cache, 'nar'), { recursive: true })
  for (let at = 0; at < entries; at += 1) {
    const { storeHash, nar } = largeEntry(at)
    const hash = nar.slice('nar/'.length, -'.nar'.length)
    const text = [
      `StorePath: /nix/store/${storeHash}-entry-${at}`,
      `URL: ${nar}`,
      'Compression: none',
      `FileHash: sha256:${hash}`,
      'FileSize: 8',
      `NarHash: sha256:${hash}`,
      'NarSize: 8',
      `References: ${storeHash}-entry-${at}`,
      `Sig: large-1:${'A'.repeat(86)}==`,
      '',
    ]
    writeFileSync(join(cache, `${storeHash}.narinfo`), text.join('\n'))
    writeFileSync(join(cache, nar), '8 bytes.')
  }
}
