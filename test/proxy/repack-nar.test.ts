import { expect, test } from 'vitest'
import { type Repacker, startRepacker } from '../../src/codec/nar-repack.ts'
import type { PackedChunk } from '../../src/codec/packed-chunks.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { printNarInfo } from '../../src/nix/narinfo.ts'
import { parseNarFile, repackedFileOf } from '../../src/policy/nar-file.ts'
import { planRepack } from '../../src/proxy/nar-plan.ts'
import { repackNar } from '../../src/proxy/repack-nar.ts'
import type { Disk } from '../../src/store/disk.ts'
import { Download, windowBytes } from '../../src/store/download.ts'
import { layoutOf } from '../../src/store/layout.ts'
import { openWhole } from '../../src/store/nar-reader.ts'
import { KiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A zstd form larger than what may wait in memory, for a disk that takes all of it or no byte. */
async function packing(hasRoom: boolean) {
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
  const threads = startRepacker({ workers: 1 })
  atTestEnd(() => threads.close())
  const chunks: Uint8Array[] = []
  const repacker: Repacker = {
    ...threads,
    repack(request) {
      const repacking = threads.repack(request)
      return { ...repacking, chunks: noting(repacking.chunks, chunks) }
    },
  }
  const download = await Download.create(`${await tempDir('form')}/form`, undefined)
  atTestEnd(() => download.release())
  download.keepWithin({ has: () => hasRoom, make: async () => hasRoom } as never)
  const path = `${cache.directory}/${info.url}`
  const disk = { layout: { ...layoutOf(cache.directory), nar: () => path } } as unknown as Disk
  const reads: { readonly bytes: number; readonly left: number }[] = []
  const stopping = new AbortController()
  const { signal } = stopping
  const tools = {
    ...{ disk, repacker, repackLevel: 1, download, signal, pace: async () => undefined },
    open: async () => {
      const whole = await openWhole(path)
      const reader = whole && {
        ...whole,
        read(buffer: Buffer, position: number) {
          reads.push({ bytes: buffer.length, left: whole.size - position })
          return whole.read(buffer, position)
        },
      }
      return reader && { reader, origin: 'disk' as const, arrived: Promise.resolve() }
    },
  }
  const { original } = plan
  const repack = (giveUp: () => boolean) =>
    repackNar(plan, original, { ...tools, isAhead: true, giveUp })
  return { repack, download, stopping, chunks, reads }
}

async function* noting(
  chunks: AsyncIterable<PackedChunk>,
  noted: Uint8Array[],
): AsyncGenerator<PackedChunk> {
  for await (const chunk of chunks) {
    noted.push(chunk)
    yield chunk
  }
}

test('what the disk does not take is given up where no client waits for it', async () => {
  const { repack, download, stopping } = await packing(false)
  const giveUp = () => {
    stopping.abort()
    return true
  }
  await expect(repack(giveUp)).rejects.toMatchObject({ code: 'DISK' })
  expect(download.written).toBeLessThan(windowBytes)
})

test('what waits for a client that has not come yet ends with the server', async () => {
  const { repack, download, stopping } = await packing(false)
  const repacking = expect(repack(() => false)).rejects.toThrow('abort')
  await expect.poll(() => download.written).toBeGreaterThan(windowBytes / 2)
  stopping.abort()
  await repacking
})

test('no buffer is longer than what is left to read, and each is given back when it is written', async () => {
  const { repack, download, chunks, reads } = await packing(true)
  await repack(() => false)
  expect(reads.filter(({ bytes, left }) => bytes === 0 || bytes > left)).toEqual([])
  expect(reads.at(-1)?.left).toBeLessThanOrEqual(256 * KiB)
  expect(download.written).toBeGreaterThan(windowBytes)
  expect(chunks.length).toBeGreaterThan(10)
  expect(chunks.filter(({ length }) => length > 0)).toEqual([])
})
