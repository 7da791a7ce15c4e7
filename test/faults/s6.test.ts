import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { formatDigest, type Hash } from '../../src/nix/hash.ts'
import { encodeNar, type NarNode } from '../../src/nix/nar.ts'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { formatPublicKey, generateSecretKey, signText } from '../../src/nix/signature.ts'
import { parseBaseName } from '../../src/nix/store-path.ts'
import { MiB } from '../../src/units.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'

const mayGrowBytes = 200 * MiB
const bombBytes = 512 * MiB

interface Trap {
  /** what is sent as the file */
  readonly file: Buffer
  /** what the signed narinfo claims */
  readonly narSize: number
  readonly narHash: Hash
}

const sha256 = (bytes: Uint8Array): Hash => ({
  algorithm: 'sha256',
  digest: createHash('sha256').update(bytes).digest(),
})

function nested(depth: number): NarNode {
  let node: NarNode = { type: 'regular', executable: false, contents: Buffer.from('x') }
  for (let level = 0; level < depth; level += 1)
    node = { type: 'directory', entries: new Map([['d', node]]) }
  return node
}

const traps: Readonly<Record<string, () => Trap>> = {
  'a file that unpacks to far more than NarSize': () => ({
    file: zstdCompressSync(Buffer.alloc(bombBytes)),
    narSize: 1000,
    narHash: sha256(Buffer.alloc(1000)),
  }),
  'a NarSize that lies upwards': () => {
    const nar = encodeNar({ type: 'regular', executable: false, contents: Buffer.from('x') })
    return { file: zstdCompressSync(nar), narSize: 100 * 1024 ** 3, narHash: sha256(nar) }
  },
  'a NarSize one byte short': () => {
    const nar = encodeNar({ type: 'regular', executable: false, contents: Buffer.from('x') })
    return { file: zstdCompressSync(nar), narSize: nar.length - 1, narHash: sha256(nar) }
  },
}

/** A cache with one path, well signed, whose file is a trap. */
async function trapCache({ file, narSize, narHash }: Trap) {
  const directory = await tempDir('trap')
  const key = generateSecretKey('trap-1')
  const storePath = parseBaseName(`${'a'.repeat(32)}-trap`)
  const signed = { storeDir: '/nix/store', storePath, references: [], narHash, narSize }
  const fileHash = sha256(file)
  const info: NarInfo = {
    ...signed,
    url: `nar/${formatDigest(fileHash, 'nix32')}.nar.zst`,
    compression: 'zstd',
    fileHash,
    fileSize: file.length,
    deriver: undefined,
    system: undefined,
    ca: undefined,
    signatures: [signText(fingerprint(signed), key)],
  }
  await writeFile(join(directory, `${storePath.hash}.narinfo`), printNarInfo(info))
  const upstream = await startFakeUpstream(directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [formatPublicKey(key.publicKey)],
  })
  await mkdir(join(directory, 'nar'))
  await writeFile(join(directory, info.url), file)
  return { narwhal, info }
}

describe('S6: an archive that is a trap', () => {
  for (const [name, make] of Object.entries(traps)) {
    test(`${name} is refused, in bounded memory`, { timeout: 180_000 }, async () => {
      const { narwhal, info } = await trapCache(make())
      const before = await narwhal.rssBytes()
      let peak = before
      const watch = setInterval(async () => {
        peak = Math.max(peak, await narwhal.rssBytes().catch(() => 0))
      }, 20)
      expect((await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)).status).toBe(200)
      const answer = await requestRaw(`${narwhal.url}/${info.url}`)
      clearInterval(watch)
      expect(answer.status === 200 && answer.end === 'clean').toBe(false)
      expect(peak - before).toBeLessThan(mayGrowBytes)
      await expectSoundDataDir(narwhal.dataDir, { maxPartials: 1 })
      expect((await requestRaw(`${narwhal.url}/nix-cache-info`)).status).toBe(200)
    })
  }

  test('directories a thousand deep are judged like any other NAR', {
    timeout: 180_000,
  }, async () => {
    const nar = encodeNar(nested(1000))
    const trap = { file: zstdCompressSync(nar), narSize: nar.length, narHash: sha256(nar) }
    const { narwhal, info } = await trapCache(trap)
    await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
    const answer = await requestRaw(`${narwhal.url}/${info.url}`)
    expect(answer.status === 200 && !answer.body.equals(trap.file)).toBe(false)
    expect((await requestRaw(`${narwhal.url}/nix-cache-info`)).status).toBe(200)
  })
})
