import { mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dataDirOf } from '../support/data-dir.ts'
import { expectServed } from '../support/expect-served.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

test('D3 foreign files, empty objects and leftovers: it starts, serves what is right, and leaves what is not its own', async () => {
  const cache = await syntheticCache({ paths: 8, totalBytes: 1_000_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const dataDir = await dataDirOf(cache)
  const [empty, directory, widowed, lyingInfo] = cache.infos
  if (!empty || !directory || !widowed || !lyingInfo) throw new Error('too few paths')
  const at = (...path: string[]) => join(dataDir, 'cache', ...path)
  await writeFile(at(empty.url), '')
  await rm(at(directory.url))
  await mkdir(at(directory.url))
  await rm(at(widowed.url))
  await writeFile(at(`${lyingInfo.storePath.hash}.narinfo`), '\0\0\0')
  await writeFile(at('nar', 'README'), 'not a NAR')
  await writeFile(at('nar', 'x.nar.xz'), 'not a NAR by its name')
  await mkdir(at('private'))
  await symlink('/nowhere', at('nar', `${'0'.repeat(52)}.nar`))
  await writeFile(at('.hidden.narinfo'), '')
  await mkdir(join(dataDir, 'tmp'))
  await mkdir(join(dataDir, 'tmp', 'directory.part'))
  await writeFile(join(dataDir, 'tmp', 'x.narinfo'), 'half')
  await writeFile(join(dataDir, 'tmp', 'probe'), '')

  const server = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    dataDir,
  })
  await server.logged(/brought the index in step/)
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  // a narinfo may be getting its place just now
  await expect.poll(() => readdir(join(dataDir, 'tmp'))).toEqual([])
  expect(await readdir(at())).toEqual(expect.arrayContaining(['private', '.hidden.narinfo']))
  expect(await readdir(at('nar'))).toEqual(expect.arrayContaining(['README', 'x.nar.xz']))
  expect((await stat(at(empty.url))).size).toBe(empty.fileSize)
  await server.restart()
  for (const info of cache.infos) await expectServed(server.url, cache, info)
  for (const name of ['README', 'x.nar.xz', `${'0'.repeat(52)}.nar`]) await rm(at('nar', name))
  await rm(at(directory.url), { recursive: true })
  await rm(at(`${directory.storePath.hash}.narinfo`), { force: true })
  await rm(at('.hidden.narinfo'))
  await expectSoundDataDir(dataDir)
})
