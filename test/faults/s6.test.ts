import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { encodeNar, type NarNode } from '../../src/nix/nar.ts'
import { MiB } from '../../src/units.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { pauseAfter } from '../support/faults.ts'
import { addPath, type MadeNar, madePathsKey, sha256, xz } from '../support/made-path.ts'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'

const mayGrowBytes = 200 * MiB
const bombBytes = 512 * MiB

function nested(depth: number): NarNode {
  let node: NarNode = { type: 'regular', executable: false, contents: Buffer.from('x') }
  for (let level = 0; level < depth; level += 1)
    node = { type: 'directory', entries: new Map([['d', node]]) }
  return node
}

const traps: Readonly<Record<string, () => MadeNar>> = {
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

async function startStage(directory: string, env: Record<string, string> = {}) {
  const upstream = await startFakeUpstream(directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [madePathsKey],
    env,
  })
  return { upstream, narwhal }
}

/** A cache with one path whose file is a trap. */
async function trapCache(trap: MadeNar) {
  const directory = await tempDir('trap')
  const info = await addPath(directory, 'a-trap', trap)
  return { ...(await startStage(directory)), info }
}

/** Watches how much more memory a server comes to hold. */
async function watchMemory(narwhal: NarwhalProcess): Promise<() => number> {
  const before = await narwhal.rssBytes()
  let peak = before
  const watch = setInterval(async () => {
    peak = Math.max(peak, await narwhal.rssBytes().catch(() => 0))
  }, 20)
  return () => {
    clearInterval(watch)
    return peak - before
  }
}

describe('S6: an archive that is a trap', () => {
  for (const [name, make] of Object.entries(traps)) {
    test(`${name} is refused, in bounded memory`, { timeout: 180_000 }, async () => {
      const { narwhal, info } = await trapCache(make())
      const grownBytes = await watchMemory(narwhal)
      expect((await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)).status).toBe(200)
      const answer = await requestRaw(`${narwhal.url}/${info.url}`)
      expect(answer.status === 200 && answer.end === 'clean').toBe(false)
      expect(grownBytes()).toBeLessThan(mayGrowBytes)
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

/** The same where recompression is the first to look inside: zstd it would leave as it is. */
const packedTraps: Readonly<Record<string, () => MadeNar>> = {
  'a file that unpacks to far more than NarSize': () => ({
    file: xz(Buffer.alloc(bombBytes / 2)),
    narSize: 1000,
    narHash: sha256(Buffer.alloc(1000)),
  }),
  'a NarSize that lies upwards': () => {
    const nar = encodeNar({ type: 'regular', executable: false, contents: Buffer.from('x') })
    return { file: xz(nar), narSize: 100 * MiB, narHash: sha256(nar) }
  },
  'a file that is no archive': () => {
    const nar = encodeNar({ type: 'regular', executable: false, contents: Buffer.from('x') })
    return { file: Buffer.alloc(5000, 'junk'), narSize: nar.length, narHash: sha256(nar) }
  },
  'the NAR of another path': () => {
    const nar = (text: string) =>
      encodeNar({ type: 'regular', executable: false, contents: Buffer.from(text) })
    return { file: xz(nar('x')), narSize: nar('y').length, narHash: sha256(nar('y')) }
  },
}

describe('S6: a trap that was kept unopened, in a crowd, and is to be recompressed', () => {
  for (const [name, make] of Object.entries(packedTraps)) {
    testWith(['xz'])(
      `${name} is removed, in bounded memory; all else stays and is served`,
      async () => {
        const directory = await tempDir('trap')
        const info = await addPath(directory, 'a-trap', { ...make(), compression: 'xz' })
        const contents = Buffer.alloc(300_000, 'honest ')
        const nar = encodeNar({ type: 'regular', executable: false, contents })
        const good = { file: nar, narSize: nar.length, narHash: sha256(nar) }
        const honest = await addPath(directory, 'honest', { ...good, compression: 'none' })
        const { upstream, narwhal } = await startStage(directory, {
          NARWHAL_RECOMPRESS_ENABLED: 'true',
        })
        const get = (path: string) => requestRaw(`${narwhal.url}/${path}`)
        const kept = () => readdir(join(narwhal.dataDir, 'cache', 'nar'))
        const grownBytes = await watchMemory(narwhal)

        const gate = Promise.withResolvers<void>()
        upstream.script(`/${honest.url}`, pauseAfter(1000, gate.promise))
        await get(`${honest.storePath.hash}.narinfo`)
        const crowd = get(honest.url)
        await expect.poll(() => upstream.count(`/${honest.url}`)).toBe(1)
        expect((await get(`${info.storePath.hash}.narinfo`)).status).toBe(200)
        expect(await get(info.url)).toMatchObject({ status: 200, end: 'clean' })
        await expect.poll(kept).toContain(info.url.slice('nar/'.length))
        gate.resolve()
        expect((await crowd).end).toBe('clean')

        await expect.poll(kept).not.toContain(info.url.slice('nar/'.length))
        const zstd = async () => (await kept()).filter((file) => file.startsWith('h'.repeat(32)))
        await expect.poll(zstd).toHaveLength(1)
        expect(await kept()).toHaveLength(2)
        expect((await get(honest.url)).body.equals(nar)).toBe(true)
        expect(grownBytes()).toBeLessThan(mayGrowBytes)
        await expectSoundDataDir(narwhal.dataDir, { maxPartials: 1 })
      },
    )
  }
})
