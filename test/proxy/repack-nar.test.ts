import { expect, test } from 'vitest'
import { startRepacker } from '../../src/codec/nar-repack.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { printNarInfo } from '../../src/nix/narinfo.ts'
import { parseNarFile, repackedFileOf } from '../../src/policy/nar-file.ts'
import { planRepack } from '../../src/proxy/nar-plan.ts'
import { repackNar } from '../../src/proxy/repack-nar.ts'
import type { Disk } from '../../src/store/disk.ts'
import { Download, windowBytes } from '../../src/store/download.ts'
import { layoutOf } from '../../src/store/layout.ts'
import { openWhole } from '../../src/store/nar-reader.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A zstd form larger than what may wait in memory, for a disk that takes no byte of it. */
async function refused() {
  const cache = await syntheticCache({ paths: 1, totalBytes: 12_000_000, compression: 'none' })
  const info = cache.infos[0] as NarInfo
  const name = info.url.slice('nar/'.length)
  const text = printNarInfo(info)
  const record = {
    hash: info.storePath.hash,
    text,
    file: name,
    upstream: 'up',
    upstreamUrl: info.url,
  }
  const target = parseNarFile(repackedFileOf(info))
  const plan = target && planRepack(target, record)
  if (!plan?.original) throw new Error('nothing to pack anew')
  const repacker = startRepacker({ workers: 1 })
  atTestEnd(() => repacker.close())
  const download = await Download.create(`${await tempDir('form')}/form`, undefined)
  atTestEnd(() => download.release())
  download.keepWithin({ has: () => false, make: async () => false } as never)
  const path = `${cache.directory}/${info.url}`
  const disk = { layout: { ...layoutOf(cache.directory), nar: () => path } } as unknown as Disk
  const stopping = new AbortController()
  const { signal } = stopping
  const tools = {
    ...{ disk, repacker, repackLevel: 1, download, signal, pace: async () => undefined },
    open: async () => {
      const reader = await openWhole(path)
      return reader && { reader, origin: 'disk' as const, arrived: Promise.resolve() }
    },
  }
  const { original } = plan
  const repack = (giveUp: () => boolean) =>
    repackNar(plan, original, { ...tools, isAhead: true, giveUp })
  return { repack, download, stopping }
}

test('what the disk does not take is given up where no client waits for it', async () => {
  const { repack, download, stopping } = await refused()
  const giveUp = () => {
    stopping.abort()
    return true
  }
  await expect(repack(giveUp)).rejects.toMatchObject({ code: 'DISK' })
  expect(download.written).toBeLessThan(windowBytes)
})

test('what waits for a client that has not come yet ends with the server', async () => {
  const { repack, download, stopping } = await refused()
  const repacking = expect(repack(() => false)).rejects.toThrow('abort')
  await expect.poll(() => download.written).toBeGreaterThan(windowBytes / 2)
  stopping.abort()
  await repacking
})
