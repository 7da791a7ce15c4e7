import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dataDirOf } from '../support/data-dir.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { readOnlyMount } from '../support/small-filesystem.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { main, runCommand } from './run-command.ts'

const mount = testWith(['unshare', 'mount'])

async function prepared() {
  const cache = await syntheticCache({ paths: 10, totalBytes: 4_000_000, compression: 'none' })
  const dataDir = await dataDirOf(cache)
  const day = 24 * 3600
  // an index that has to be made takes a file's time for the time it was read
  for (const [at, { url }] of cache.infos.entries()) {
    const time = Date.now() / 1000 - (at + 1) * day
    await utimes(join(dataDir, 'cache', url), time, time)
  }
  const gc = async (...more: string[]) => {
    const { code, stdout } = await runCommand(['gc', '--data-dir', dataDir, '--json', ...more])
    return { code, ...JSON.parse(stdout) }
  }
  const files = async () => (await readdir(join(dataDir, 'cache', 'nar'))).length
  const oldestFirst = cache.infos.map(({ url }) => url.replace('nar/', '')).toReversed()
  return { dataDir, gc, files, oldestFirst }
}

test('deletes what was not read for so long, and only that', async () => {
  const { dataDir, gc, files, oldestFirst } = await prepared()
  const dry = await gc('--older-than', '156h', '--dry-run')
  expect(dry.nars.map((nar: { file: string }) => nar.file)).toEqual(oldestFirst.slice(0, 4))
  expect(await files()).toBe(10)
  expect(await gc('--older-than', '156h')).toEqual({ ...dry, dryRun: false })
  expect(await files()).toBe(6)
  await expectSoundDataDir(dataDir)
})

test('goes down to a size, beginning with what was read longest ago', async () => {
  const { dataDir, gc, oldestFirst } = await prepared()
  const sizes = await Promise.all(
    oldestFirst.map(async (file) => (await stat(join(dataDir, 'cache', 'nar', file))).size),
  )
  const result = await gc('--max-size', '2MiB')
  expect(result.keptBytes).toBeLessThanOrEqual(2 * 1024 * 1024)
  expect(result.nars.map((nar: { file: string }) => nar.file)).toEqual(
    oldestFirst.slice(0, result.nars.length),
  )
  expect(result.keptBytes + (sizes[result.nars.length - 1] ?? 0)).toBeGreaterThan(2 * 1024 * 1024)
  await expectSoundDataDir(dataDir, { maxBytes: 2 * 1024 * 1024 })
})

test('a wrong duration is wrong usage', async () => {
  const { code, stderr } = await runCommand(['gc', '--older-than', 'soon'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/duration such as/)
})

for (const isIndexLost of [false, true])
  mount(
    `a directory that may only be read is left as it is, and that is said${isIndexLost ? ', also without an index' : ''}`,
    async () => {
      const { dataDir, gc, files } = await prepared()
      await gc('--dry-run')
      if (isIndexLost) await rm(join(dataDir, 'index.sqlite'))
      const [program = '', ...wrapper] = readOnlyMount(dataDir)
      const run = (...more: string[]) => {
        const args = ['gc', '--data-dir', dataDir, '--older-than', '0s', ...more]
        const env = { PATH: process.env.PATH ?? '' }
        return runProgram(program, [...wrapper, process.execPath, main, ...args], { env })
      }
      const { code, stdout, stderr } = await run()
      expect([code, stdout]).toEqual([3, ''])
      expect(stderr).toMatch(/cannot be written\s+hint: Check the data directory/)
      expect(await files()).toBe(10)
      // What would go, only an index can tell.
      expect(await run('--dry-run')).toMatchObject({ code: isIndexLost ? 3 : 0 })
    },
  )
