import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.ts'
import { createTelemetry, silentLog } from '../../src/telemetry.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const tenYearsMs = 10 * 365 * 24 * 3600 * 1000

test('D7 a clock ten years forward, then back: nothing expires, and what is new is kept', async () => {
  const cache = await syntheticCache({ paths: 8, totalBytes: 1_000_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    env: { NODE_OPTIONS: `--import ${join(import.meta.dirname, '../support/shifted-clock.ts')}` },
  })
  const [old, fresh] = [cache.infos.slice(0, 4), cache.infos.slice(4)]
  for (const info of old) await expectServed(server.url, cache, info)
  await expectSoundDataDir(server.dataDir)
  const thisYear = new Date().getFullYear()
  for (const year of [thisYear + 10, thisYear - 10]) {
    process.kill(server.pid, 'SIGUSR2')
    await server.logged(new RegExp(`the clock says (${year}|${year - 1}|${year + 1})`))
    upstream.forget()
    for (const info of old) await expectServed(server.url, cache, info)
    expect(upstream.count()).toBe(0)
    for (const info of fresh.splice(0, 2)) await expectServed(server.url, cache, info)
    await expectSoundDataDir(server.dataDir)
  }
  upstream.forget()
  await server.restart()
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  expect(upstream.count(/^\/nar\//)).toBe(0)
})

test('D7 what was read last leaves last, whatever the clock said meanwhile', async () => {
  const cache = await syntheticCache({ paths: 6, totalBytes: 200_000 })
  const options = {
    dataDir: await dataDirOf(cache),
    storeDir: '/nix/store',
    maxSize: { kind: 'percent', percent: 90 },
    minFree: { kind: 'bytes', bytes: 0 },
    log: silentLog,
    telemetry: createTelemetry(),
  } as const
  const files = cache.infos.map(({ url }) => url.replace('nar/', ''))
  const read = async (disk: Disk, file: string, now: number) =>
    (await disk.openNar(file, now))?.close()

  const now = Date.now()
  const first = await Disk.open(options)
  await first.ready
  for (const file of files.slice(0, 3)) await read(first, file, now + tenYearsMs)
  await first.close()
  const second = await Disk.open(options)
  for (const file of files.slice(3)) await read(second, file, now - tenYearsMs)
  await second.close()
  const third = await Disk.open(options)
  const order: string[] = []
  for await (const { file } of third.collect({ maxBytes: 0, readBefore: 0 }, true)) order.push(file)
  await third.close()
  expect(order).toEqual(files)
})
