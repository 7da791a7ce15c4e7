import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { dataDirOf } from '../support/data-dir.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { runCommand } from './run-command.ts'

async function prepared() {
  const cache = await syntheticCache({ paths: 8, totalBytes: 800_000 })
  const dataDir = await dataDirOf(cache)
  const args = ['verify', '--data-dir', dataDir, '--trusted-key', cache.publicKey]
  // the first run brings the index in step, which deletes what has no byte or no NAR
  await runCommand(args)
  const verify = async (...more: string[]) => {
    const { code, stdout, stderr } = await runCommand([...args, '--json', ...more])
    return { code, stderr, ...JSON.parse(stdout) }
  }
  return { cache, dataDir, verify, args, at: (file: string) => join(dataDir, 'cache', file) }
}

test('finds nothing wrong with a sound cache', async () => {
  const { verify } = await prepared()
  expect(await verify()).toMatchObject({ code: 0, damaged: 0, findings: [], isComplete: true })
}, 60_000)

test('names what is flipped, cut, gone, empty, misnamed or forged, and deletes it on demand', async () => {
  const { cache, verify, at } = await prepared()
  const [flipped, cut, gone, forged, stranger, ...sound] = cache.infos as [
    NarInfo,
    NarInfo,
    NarInfo,
    NarInfo,
    NarInfo,
    ...NarInfo[],
  ]
  const bytes = await readFile(at(flipped.url))
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  await writeFile(at(flipped.url), bytes)
  await truncate(at(cut.url), 100)
  await rm(at(gone.url))
  const narinfo = (info: NarInfo) => `${info.storePath.hash}.narinfo`
  const forgery = await readFile(at(narinfo(forged)), 'utf8')
  await writeFile(at(narinfo(forged)), forgery.replace(/NarSize: \d/, 'NarSize: 9'))
  await rm(at(narinfo(stranger)))
  await writeFile(at('nar/notes.txt'), 'mine')

  const found = await verify()
  expect(found.code).toBe(1)
  const byFile = new Map<string, string>(found.findings.map(told))
  expect(byFile.get(flipped.url)).toMatch(/^damaged: has hash/)
  expect(byFile.get(cut.url)).toMatch(/^damaged: has 100 bytes/)
  expect(byFile.get(gone.url)).toMatch(/^damaged: ENOENT/)
  expect(byFile.get(narinfo(forged))).toMatch(/^untrusted: .*wrong signature/)
  expect(byFile.get(stranger.url)).toMatch(/^orphan/)
  expect(byFile.get('nar/notes.txt')).toMatch(/^foreign/)

  expect(await verify('--repair')).toMatchObject({ code: 0, repaired: found.damaged })
  expect(await verify()).toMatchObject({ code: 0, damaged: 0 })
  const kept = await readdir(at('nar'))
  for (const info of sound) expect(kept).toContain(info.url.replace('nar/', ''))
  expect(kept).toContain('notes.txt')
}, 60_000)

test('goes on where an interrupted run stopped', async () => {
  const { cache, dataDir, verify } = await prepared()
  const all = await verify()
  const names = cache.infos.map(({ storePath }) => `${storePath.hash}.narinfo`).sort()
  await writeFile(join(dataDir, 'verify.cursor'), names.at(-2) ?? '')
  const rest = await verify('--continue')
  expect(rest.files).toBe(all.files)
  expect(rest.bytes).toBeLessThan(all.bytes)
  expect(await readdir(dataDir)).not.toContain('verify.cursor')
}, 60_000)

test('says what to do while a server has the directory, and where there is none', async () => {
  const { cache, dataDir, args } = await prepared()
  await startNarwhal({ upstreams: ['http://127.0.0.1:9'], trustedKeys: [cache.publicKey], dataDir })
  const inUse = await runCommand(args)
  expect(inUse.code).toBe(3)
  expect(inUse.stderr).toMatch(/a narwhal is using .*\n.*Stop the server/)
  const nowhere = await runCommand(['verify', '--data-dir', join(dataDir, 'nowhere')])
  expect(nowhere.code).toBe(3)
  expect(nowhere.stderr).toMatch(/no data directory/)
}, 60_000)

function told({ file, kind, why }: Record<'file' | 'kind' | 'why', string>) {
  return [file, `${kind}: ${why}`] as const
}
