import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { MiB } from '../../src/units.ts'
import { auditDataDir, lies } from '../support/audit-data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { loopFilesystem, makeImage } from '../support/loop-filesystem.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const test = testWith(['unshare', 'mount', 'umount', 'mkfs.ext4'])
const env = { PATH: process.env.PATH ?? '' }
const powerCuts = 5

test(`D2 ${powerCuts} power cuts under load: what has its name is whole, and the server goes on from it`, async () => {
  const cache = await syntheticCache({ paths: 40, totalBytes: 8 * MiB, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  const images = await tempDir('images')
  const image = join(images, 'live')
  await makeImage(image, 96 * MiB)
  const dataDir = await tempDir('loop')
  const options = { upstreams: [upstream.url], trustedKeys: [cache.publicKey], dataDir }
  const live = await startNarwhal({
    ...options,
    wrapper: loopFilesystem(dataDir, image),
    args: ['--max-size', '5MiB'],
  })
  let isLoaded = true
  const load = (async () => {
    while (isLoaded) for (const info of cache.infos) await expectServed(live.url, cache, info)
  })()
  for (let cut = 0; cut < powerCuts; cut += 1) {
    await wait(100 + 150 * Math.random())
    // What the kernel has not written back by now is lost with the power; the server stands still so
    // that the copy is of one moment.
    process.kill(live.pid, 'SIGSTOP')
    await mustRun('cp', ['--sparse=always', image, join(images, `cut-${cut}`)], { env })
    process.kill(live.pid, 'SIGCONT')
  }
  isLoaded = false
  await load
  await live.stop()

  for (let cut = 0; cut < powerCuts; cut += 1) {
    const copy = join(images, `cut-${cut}`)
    expect(await flawsOf(copy, join(images, `mnt-${cut}`)), `${lies}, power cut ${cut}`).toEqual([])
  }
  const server = await startNarwhal({
    ...options,
    wrapper: loopFilesystem(dataDir, join(images, `cut-${powerCuts - 1}`)),
  })
  for (const info of cache.infos) await expectServed(server.url, cache, info)
})

/** The index may be behind, and downloads may lie about; all else must be right. */
async function flawsOf(image: string, directory: string): Promise<string[]> {
  await mkdir(directory)
  await mustRun('mount', ['-o', 'loop', image, directory], { env })
  try {
    const flaws = await auditDataDir(directory).catch((error: Error) => {
      // The cut came before the first table was there.
      if (/no such table/.test(error.message)) return []
      throw error
    })
    return flaws.filter((flaw) => !/^the index |^tmp\//.test(flaw))
  } finally {
    await mustRun('umount', [directory], { env })
  }
}
