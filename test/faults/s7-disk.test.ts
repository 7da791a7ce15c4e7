import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { auditDataDir, lies } from '../support/audit-data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { testWith } from '../support/programs.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { insideOf, smallFilesystem } from '../support/small-filesystem.ts'
import { injecting, killingAt } from '../support/strace.ts'
import { tempDir } from '../support/temp-dir.ts'
import { basic, type UploadStage, uploadStage } from '../support/upload-stage.ts'

const strace = testWith(['strace'])
const mount = testWith(['unshare', 'mount'])

/** What has its name is right; the index may lag behind, and halves may lie in tmp/. */
async function expectNoLies({ narwhal }: UploadStage): Promise<void> {
  const flaws = await auditDataDir(narwhal.dataDir)
  expect(
    flaws.filter((flaw) => !/^the index |^tmp\//.test(flaw)),
    lies,
  ).toEqual([])
}

describe('S7 killed while a path is pushed', () => {
  // Counted by thread: the one for files writes nix-cache-info first, then NAR, narinfo and mark. The
  // index has a thread of its own, which syncs six times at the start.
  const steps: readonly (readonly [string, number])[] = [
    ...([2, 3, 4] as const).map((nth) => ['rename', nth] as const),
    ...([1, 2] as const).map((nth) => ['fdatasync', nth] as const),
    ...([7, 8] as const).map((nth) => ['fsync', nth] as const),
  ]

  strace.for(steps)(
    'at %s %i: whole or absent, and pushed again it is there',
    async ([call, nth]) => {
      const stage = await uploadStage({
        wrapper: killingAt(call, nth),
        env: { UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '1' },
      })
      const statuses = await stage.push().catch(() => 'killed' as const)
      await expectNoLies(stage)
      const successor = await stage.successor()
      const { status } = await successor.get(`/${stage.info.storePath.hash}.narinfo`)
      // What was acknowledged survives.
      if (statuses !== 'killed' && statuses[1] === 201) expect(status).toBe(200)
      expect([200, 404]).toContain(status)
      if (status === 200) await expectServed(successor.narwhal.url, stage.cache, stage.info)
      const [nar, narinfo] = await successor.push()
      expect([nar, [200, 201].includes(narinfo)]).toEqual([201, true])
      await expectServed(successor.narwhal.url, stage.cache, stage.info)
      expect(await readdir(join(stage.narwhal.dataDir, 'origin'))).toHaveLength(1)
      expect(await successor.narwhal.stop()).toBe(0)
      await expectSoundDataDir(stage.narwhal.dataDir)
    },
  )

  test('at any moment, again and again: what was acknowledged is there', async () => {
    let stage = await uploadStage()
    const { cache, narwhal } = stage
    const acknowledged = new Set<NarInfo>()
    for (let afterMs = 0; afterMs < 48; afterMs += 6) {
      const pushes = cache.infos.map(async (info) => {
        const [, narinfo] = await stage.push(info)
        if (narinfo < 300) acknowledged.add(info)
      })
      const ended = Promise.allSettled(pushes)
      await Promise.race([ended, wait(afterMs)])
      const next = await stage.successor()
      await ended
      await expectNoLies(next)
      for (const info of acknowledged) await expectServed(next.narwhal.url, cache, info)
      stage = next
    }
    for (const info of cache.infos) await stage.push(info)
    for (const info of cache.infos) await expectServed(stage.narwhal.url, cache, info)
    expect(await readdir(join(narwhal.dataDir, 'origin'))).toHaveLength(cache.infos.length)
    expect(await stage.narwhal.stop()).toBe(0)
    await expectSoundDataDir(narwhal.dataDir)
  })

  test('in the middle of a NAR: nothing is left of it', async () => {
    const stage = await uploadStage({ pushed: { totalBytes: 4 * MiB } })
    const { bytes, info, narwhal, token } = stage
    const head = [
      `PUT /${info.url} HTTP/1.1`,
      'Host: x',
      basic(token),
      `Content-Length: ${bytes.length}`,
    ]
    const half = bytes.subarray(0, bytes.length / 2)
    const request = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), half])
    const broken = exchangeRaw(narwhal.port, request).catch(() => undefined)
    await expect.poll(() => readdir(join(narwhal.dataDir, 'tmp'))).toHaveLength(1)
    const successor = await stage.successor()
    await broken
    expect(await readdir(join(narwhal.dataDir, 'tmp'))).toEqual([])
    expect(await successor.push()).toEqual([201, 201])
    expect(await successor.narwhal.stop()).toBe(0)
    await expectSoundDataDir(narwhal.dataDir)
  })
})

mount(
  'S7 a full disk: what is pushed is refused, nothing is lost, and then it is taken',
  async () => {
    const dataDir = await tempDir('small')
    const stage = await uploadStage({
      pushed: { paths: 4, totalBytes: 4 * MiB, compression: 'none' },
      dataDir,
      wrapper: smallFilesystem(dataDir, 'size=12m'),
    })
    const [small, , , large] = stage.cache.infos as [
      typeof stage.info,
      unknown,
      unknown,
      typeof stage.info,
    ]
    expect(await stage.push(small)).toEqual([201, 201])
    const ballast = insideOf(stage.narwhal, join(dataDir, 'ballast'))
    await writeFile(ballast, Buffer.alloc(12 * MiB)).catch(() => undefined)
    const head = [
      `PUT /${large.url} HTTP/1.1`,
      'Host: x',
      'Expect: 100-continue',
      basic(stage.token),
      `Content-Length: ${large.fileSize}`,
    ]
    const { responses } = await exchangeRaw(stage.narwhal.port, `${head.join('\r\n')}\r\n\r\n`)
    expect(responses.map(({ status }) => status)).toEqual([507])
    expect(responses[0]?.body.toString()).toContain('NO_ROOM')
    await expectServed(stage.narwhal.url, stage.cache, small)
    await rm(ballast)
    expect(await stage.push(large)).toEqual([201, 201])
    for (const info of [small, large]) await expectServed(stage.narwhal.url, stage.cache, info)
  },
)

strace(
  'S7 a disk that fills up while a NAR arrives: a status Nix does not try again, nothing left',
  async () => {
    const stage = await uploadStage({
      pushed: { paths: 1, totalBytes: 16 * MiB, compression: 'none' },
      wrapper: injecting('pwrite64:error=ENOSPC:when=60+'),
      env: { UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '1' },
    })
    const { status, body } = await stage.pushNar()
    expect([status, body.toString()]).toEqual([413, expect.stringContaining('NO_ROOM')])
    await expect.poll(() => readdir(join(stage.narwhal.dataDir, 'tmp'))).toEqual([])
    const successor = await stage.successor()
    expect(await successor.push()).toEqual([201, 201])
    await expectServed(successor.narwhal.url, stage.cache, stage.info)
    expect(await successor.narwhal.stop()).toBe(0)
    await expectSoundDataDir(stage.narwhal.dataDir)
  },
)
