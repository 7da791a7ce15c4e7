import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { atRest } from '../support/at-rest.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { addPath, madeNar, madePathsKey } from '../support/made-path.ts'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'

vi.setConfig({ testTimeout: 180_000 })

async function startWith(directory: string, maxSize: string): Promise<NarwhalProcess> {
  const upstream = await startFakeUpstream(directory)
  return startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [madePathsKey],
    args: ['--max-size', maxSize],
    env: { NARWHAL_RECOMPRESS_ENABLED: 'true' },
  })
}

async function fetchAll({ url }: NarwhalProcess, infos: readonly NarInfo[]): Promise<void> {
  for (const info of infos) {
    await (await fetch(`${url}/${info.storePath.hash}.narinfo`)).arrayBuffer()
    const response = await fetch(`${url}/${info.url}`)
    expect(response.status).toBe(200)
    await response.arrayBuffer()
  }
  await atRest({ url })
}

const report = async ({ url }: NarwhalProcess) => {
  const response = await fetch(`${url}/api/v1/status`)
  return ((await response.json()) as { recompress: Record<string, unknown> }).recompress
}

const kept = async ({ dataDir }: NarwhalProcess) => readdir(join(dataDir, 'cache', 'nar'))

testWith(['xz'])('a NAR that unpacks to more than there is room for evicts none', async () => {
  const directory = await tempDir('room')
  const infos = [
    await addPath(directory, 'zeros', madeNar(Buffer.alloc(20 * MiB), 'xz')),
    ...(await Promise.all(
      ['a', 'b', 'c'].map((name, at) => {
        const honest = madeNar(Buffer.alloc(MiB, at))
        return addPath(directory, name, { ...honest, compression: 'none' })
      }),
    )),
  ]
  const server = await startWith(directory, '8MiB')
  await fetchAll(server, infos)
  await expect.poll(async () => (await report(server)).done, { timeout: 60_000 }).toBe(4)
  expect(await kept(server)).toHaveLength(8)
  expect(server.stderr).not.toContain('evicted')
})

test('a NAR whose zstd form finds no room but that of what was read lately waits, and others have their turn', async () => {
  const directory = await tempDir('room')
  const small = await addPath(directory, 'small', madeNar(Buffer.alloc(MiB / 4)))
  const large = await addPath(directory, 'large', madeNar(Buffer.alloc(3 * MiB)))
  const server = await startWith(directory, '4MiB')
  await fetchAll(server, [small, large])
  await expect
    .poll(() => report(server), { timeout: 60_000 })
    .toMatchObject({ done: 1, running: 0, queued: 1, failed: 0 })
  await expect
    .poll(() => report(server))
    .toMatchObject({ pausedBecause: expect.stringContaining('room') })
  expect(await kept(server)).toHaveLength(3)
  expect(server.stderr).not.toContain('evicted')
})
