import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBase32 } from '../../src/nix/base32.ts'
import { encodeNar } from '../../src/nix/nar.ts'

export interface LargeEntry {
  readonly storeHash: string
  /** below `cache/` */
  readonly nar: string
  readonly bytes: Uint8Array
}

/** Of every NAR of a large data directory: one file of `contentBytes` bytes. */
export const largeNarBytes = 120
const contentBytes = 8

/** The nth entry of every large data directory, so that tests can ask for any of them. */
export function largeEntry(at: number): LargeEntry {
  const contents = Buffer.alloc(contentBytes)
  contents.writeUInt32LE(at)
  const bytes = encodeNar({ type: 'regular', executable: false, contents })
  const digest = createHash('sha256').update(bytes).digest()
  return {
    storeHash: encodeBase32(digest.subarray(0, 20)),
    nar: `nar/${encodeBase32(digest)}.nar`,
    bytes,
  }
}

/** Makes a data directory with this many narinfos and the smallest of NARs, and no index. */
export function makeLargeDataDir(dataDir: string, entries: number): void {
  const cache = join(dataDir, 'cache')
  mkdirSync(join(cache, 'nar'), { recursive: true })
  for (let at = 0; at < entries; at += 1) {
    const { storeHash, nar, bytes } = largeEntry(at)
    const hash = nar.slice('nar/'.length, -'.nar'.length)
    const text = [
      `StorePath: /nix/store/${storeHash}-entry-${at}`,
      `URL: ${nar}`,
      'Compression: none',
      `FileHash: sha256:${hash}`,
      `FileSize: ${bytes.length}`,
      `NarHash: sha256:${hash}`,
      `NarSize: ${bytes.length}`,
      `References: ${storeHash}-entry-${at}`,
      `Sig: large-1:${'A'.repeat(86)}==`,
      '',
    ]
    writeFileSync(join(cache, `${storeHash}.narinfo`), text.join('\n'))
    writeFileSync(join(cache, nar), bytes)
  }
}
