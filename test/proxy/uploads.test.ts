import { readdir, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { keyRing } from '../../src/nix/signature.ts'
import { parseNarFile, repackedFileOf } from '../../src/policy/nar-file.ts'
import { narHashText } from '../../src/proxy/hand-out.ts'
import { planRepack } from '../../src/proxy/nar-plan.ts'
import { Narinfos } from '../../src/proxy/narinfos.ts'
import { PendingNars } from '../../src/proxy/pending-nars.ts'
import { publishNar } from '../../src/proxy/publish-nar.ts'
import { Uploads } from '../../src/proxy/uploads.ts'
import { Disk } from '../../src/store/disk.ts'
import { createTelemetry, silentLog as log } from '../../src/telemetry.ts'
import { GiB, MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A pushed path whose NAR is packed anew, and what deletes it. */
async function pushedPath() {
  const telemetry = createTelemetry()
  const storeDir = '/nix/store'
  const disk = await Disk.open({
    ...{ dataDir: await tempDir('disk'), storeDir, log, telemetry },
    maxSize: { kind: 'bytes', bytes: GiB },
    minFree: { kind: 'bytes', bytes: 0 },
  })
  atTestEnd(() => disk.close())
  await disk.ready
  const cache = await syntheticCache({ paths: 1, totalBytes: 20_000, compression: 'none' })
  const info = cache.infos[0] as NarInfo
  const { hash } = info.storePath
  const keys = keyRing([cache.publicKey])
  const makeNarinfos = () =>
    new Narinfos({
      ...{ disk, upstreams: [], ownKeys: keys, storeDir, memoryBytes: MiB, log },
      ...{ negativeTtlMs: 0, patienceMs: 0, signal: new AbortController().signal },
    })
  const narinfos = makeNarinfos()
  const pending = new PendingNars(disk, telemetry.uploads)
  atTestEnd(() => pending.close())
  const uploads = new Uploads({
    ...{ disk, narinfos, pending, keys, storeDir, log, upstreams: [], signingKey: undefined },
    ...{ nars: undefined as never, checker: undefined as never, maxUploadBytes: GiB },
  })
  const record = {
    ...{ hash, text: printNarInfo(info), file: info.url.slice('nar/'.length) },
    ...{ upstream: undefined, upstreamUrl: undefined },
  }
  const target = parseNarFile(repackedFileOf(info))
  const plan = target && planRepack(target, record)
  if (!plan) throw new Error('nothing to pack anew')

  async function push(): Promise<void> {
    const path = disk.layout.unfinished('pushed')
    await writeFile(path, await cache.bytesOf(info))
    const file = { path, bytes: info.fileSize as number }
    expect(await disk.keepPushed(record, { file, narHash: narHashText(info) })).toBe(true)
  }

  async function repack(): Promise<void> {
    const download = await disk.startDownload(plan?.file.name as string, 1000, false)
    await download.append(Buffer.alloc(1000))
    download.vouch()
    const nar = { download, fileHash: info.narHash, isNarHashRight: true }
    await publishNar(plan as typeof plan & object, nar, { disk, narinfos })
    download.release()
  }

  return { disk, hash, narinfos, makeNarinfos, uploads, push, repack }
}

test('a path is deleted whole, whatever moment its NAR is packed anew at', async () => {
  const { disk, hash, narinfos, uploads, push, repack } = await pushedPath()
  for (let rounds = 0; rounds < 100; rounds += 1) {
    await push()
    const deleting = async () => {
      for (let round = 0; round < rounds; round += 1) await new Promise(setImmediate)
      return uploads.remove(hash, 'ci')
    }
    const [isDeleted] = await Promise.all([
      deleting(),
      repack(),
      narinfos.find(hash).catch(() => undefined),
    ])
    const what = `after ${rounds} rounds`
    expect(isDeleted, what).toBe(true)
    expect(await disk.narinfo(hash), what).toBeUndefined()
    expect(narinfos.ready(hash), what).toBeUndefined()
    expect(await readdir(disk.layout.origin), what).toEqual([])
    expect((await disk.space()).originBytes, what).toBe(0)
    // What was packed for nobody is as good as any other NAR: it may be evicted.
    for (const file of await readdir(disk.layout.nars)) await disk.remove(file)
  }
})

test('a path is deleted out of memory also where another configuration has come meanwhile', async () => {
  const { hash, narinfos, makeNarinfos, uploads, push } = await pushedPath()
  await push()
  const [second, third] = [makeNarinfos(), makeNarinfos()]
  narinfos.handOver(second)
  second.handOver(third)
  expect((await third.find(hash)).text).toBeDefined()
  expect(await uploads.remove(hash, 'ci')).toBe(true)
  expect(third.ready(hash)).toBeUndefined()
})
