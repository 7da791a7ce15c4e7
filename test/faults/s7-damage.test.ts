import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { main, runCommand } from '../cli/run-command.ts'
import { expectServed } from '../support/expect-served.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { injecting } from '../support/strace.ts'
import { type UploadStage, uploadStage } from '../support/upload-stage.ts'

const strace = testWith(['strace'])
const env = { NARWHAL_LIMITS_PATIENCE: '300ms' }

const fileOf = ({ url }: NarInfo) => url.slice('nar/'.length)

/** A server that has stopped after one path was pushed. */
async function pushedOne(options: Parameters<typeof uploadStage>[0] = {}) {
  const stage = await uploadStage(options)
  const { dataDir } = stage.narwhal
  expect(await stage.push()).toEqual([201, 201])
  expect(await stage.narwhal.stop()).toBe(0)
  const nar = join(dataDir, 'cache', stage.info.url)
  const namesIn = (directory: string) => readdir(join(dataDir, directory)).catch(() => [])
  return { ...stage, dataDir, nar, namesIn }
}

async function flipBit(file: string): Promise<Buffer> {
  const bytes = await readFile(file)
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  await writeFile(file, bytes)
  return bytes
}

function verifyArgs({ cache, narwhal, upstream }: UploadStage, ...more: readonly string[]) {
  const trust = ['--upstream', upstream.url, '--trusted-key', cache.publicKey]
  return ['verify', '--json', '--data-dir', narwhal.dataDir, ...trust, ...more]
}

for (const isIndexLost of [false, true])
  test(`S7 a pushed NAR that verify finds damaged and nobody else has is set aside${isIndexLost ? ', also without an index' : ''}`, async () => {
    const stage = await pushedOne()
    const { dataDir, nar, info, namesIn, upstream } = stage
    const damaged = await flipBit(nar)
    if (isIndexLost) await rm(join(dataDir, 'index.sqlite'))
    await upstream.down()
    const { code, stdout } = await runCommand(verifyArgs(stage, '--repair'), { env })
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 1, damaged: 1, aside: 1 })
    expect((await readFile(join(dataDir, 'quarantine', fileOf(info)))).equals(damaged)).toBe(true)
    expect([await namesIn('cache/nar'), await namesIn('origin')]).toEqual([[], []])
    await expectSoundDataDir(dataDir)
  })

test('S7 a pushed NAR that verify could fetch again stays what was pushed', async () => {
  const at = { paths: 1, totalBytes: 200_000 }
  const stage = await pushedOne({ pushed: at, upstream: 'pushed' })
  await flipBit(stage.nar)
  const { code, stdout } = await runCommand(verifyArgs(stage, '--repair'), { env })
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, damaged: 1, repaired: 1 })
  expect(await stage.namesIn('origin')).toEqual([fileOf(stage.info)])
  expect((await readFile(stage.nar)).equals(stage.bytes)).toBe(true)
  await expectSoundDataDir(stage.dataDir)
})

test('S7 a pushed NAR that was cut short is set aside when the index is made anew', async () => {
  const { dataDir, nar, info, bytes, namesIn, successor } = await pushedOne()
  await truncate(nar, bytes.length - 1000)
  await rm(join(dataDir, 'index.sqlite'))
  const { narwhal } = await successor()
  await narwhal.logged(/push it again/)
  const aside = await readFile(join(dataDir, 'quarantine', fileOf(info)))
  expect(aside.equals(bytes.subarray(0, -1000))).toBe(true)
  expect(await namesIn('cache/nar')).toEqual([])
})

test('S7 a pushed NAR that turns out wrong after the loss of the index is set aside', async () => {
  const { dataDir, nar, info, namesIn, successor } = await pushedOne()
  const damaged = await flipBit(nar)
  await rm(join(dataDir, 'index.sqlite'))
  const { narwhal, get } = await successor()
  await narwhal.logged(/brought the index in step/)
  await get(`/${info.url}`)
  await narwhal.logged(/push it again/)
  expect((await readFile(join(dataDir, 'quarantine', fileOf(info)))).equals(damaged)).toBe(true)
  expect(await namesIn('cache/nar')).toEqual([])
})

strace('S7 a pushed NAR that cannot be opened for want of descriptors is not damaged', async () => {
  const stage = await pushedOne()
  const [program = '', ...wrapper] = injecting('openat:error=EMFILE', stage.nar)
  const args = [...wrapper, process.execPath, main, ...verifyArgs(stage, '--repair')]
  const { code, stderr } = await runProgram(program, args, {
    env: { PATH: process.env.PATH ?? '', UV_USE_IO_URING: '0', ...env },
  })
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('EMFILE') })
  expect((await readFile(stage.nar)).equals(stage.bytes)).toBe(true)
  const { narwhal } = await stage.successor()
  await expectServed(narwhal.url, stage.cache, stage.info)
})
