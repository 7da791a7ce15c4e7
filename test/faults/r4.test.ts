import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { joinCrowd } from '../support/crowd.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { pauseAfter } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

interface Settings {
  readonly upstream: string
  readonly keys: readonly string[]
  readonly priority?: number
  readonly minFree?: string
  readonly more?: string
}

/** A server whose configuration is a file that the test may write anew. */
async function configured(settings: Settings) {
  const file = join(await tempDir('config'), 'narwhal.toml')
  const write = (wanted: Settings) => writeFile(file, toml(wanted))
  await write(settings)
  const args = ['--config', file]
  const narwhal = await startNarwhal({ upstreams: [], trustedKeys: [], args })
  /** Says what the log says about it. */
  async function reload(outcome: RegExp): Promise<string> {
    const before = narwhal.stderr.length
    narwhal.signal('SIGHUP')
    await expect.poll(() => narwhal.stderr.slice(before)).toMatch(outcome)
    return narwhal.stderr.slice(before)
  }
  const get = (path: string) => requestRaw(`${narwhal.url}/${path}`)
  return { narwhal, file, write, reload, get }
}

function toml({ upstream, keys, priority = 30, minFree = '5%', more = '' }: Settings): string {
  return [
    more,
    `trusted_public_keys = ${JSON.stringify(keys)}`,
    `[cache]\npriority = ${priority}\nmin_free = "${minFree}"`,
    `[[upstream]]\nurl = "${upstream}"`,
  ].join('\n')
}

const strangersKey = 'stranger-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='

test('R4: a broken configuration is refused loudly, mistake by mistake, and the old one serves on', async () => {
  const cache = await syntheticCache({ paths: 1 })
  const upstream = await startFakeUpstream(cache.directory)
  const good = { upstream: upstream.url, keys: [cache.publicKey] }
  const { narwhal, write, reload, get, file } = await configured(good)
  const path = `${cache.infos[0]?.storePath.hash}.narinfo`

  await write({ ...good, priority: -1, more: 'max_siez = "1GiB"' })
  const log = await reload(/cache\.priority/)
  expect(log).toContain(`${file}:1: max_siez: unknown key`)
  expect(log).toMatch(new RegExp(`${file}:4: cache\\.priority: `))
  expect(log.match(/"level":50,.*"code":"BAD_CONFIG"/g)).toHaveLength(2)
  expect((await get(path)).status).toBe(200)
  expect((await get('nix-cache-info')).body.toString()).toContain('Priority: 30')

  await write({ ...good, more: 'listen = [' })
  await reload(/BAD_CONFIG/)
  await writeFile(file, Buffer.of(0xff, 0xfe))
  await reload(/CONFIG_UNREADABLE/)
  await write({ ...good, more: '' })
  const secret = '\nusername = "u"\npassword_file = "/nowhere/at-all"'
  await writeFile(file, (await readFile(file, 'utf8')) + secret)
  await reload(/SECRET_UNREADABLE/)
  expect((await get(path)).status).toBe(200)
  expect(await narwhal.stop()).toBe(0)
})

test('R4: a good configuration takes effect, and says what needs a restart', async () => {
  const cache = await syntheticCache({ paths: 2 })
  const first = await startFakeUpstream(cache.directory)
  const second = await startFakeUpstream(cache.directory)
  const settings = { upstream: first.url, keys: [cache.publicKey] }
  const { write, reload, get, narwhal } = await configured(settings)
  const [one, two] = cache.infos.map(({ storePath }) => `${storePath.hash}.narinfo`)
  expect((await get(`${one}`)).status).toBe(200)
  expect(first.count()).toBe(1)

  // the command line still beats the file: data_dir does not change
  const more = 'data_dir = "/somewhere/else"'
  const changed = { ...settings, upstream: second.url, priority: 7, minFree: '1%', more }
  await write(changed)
  const log = await reload(/wait for a restart: cache\.min_free"/)
  expect(log).toMatch(/reloaded the configuration: cache\.priority, upstream"/)
  expect((await get('nix-cache-info')).body.toString()).toContain('Priority: 7')
  expect((await get(`${two}`)).status).toBe(200)
  expect((await get(`${cache.infos[1]?.url}`)).status).toBe(200)
  expect(first.count()).toBe(1)
  expect(second.count()).toBe(2)

  // until then it is said at every reload
  expect(await reload(/wait for a restart: cache\.min_free"/)).toMatch(/nothing in it has changed/)
  await write({ ...changed, minFree: '5%' })
  expect(await reload(/nothing in it has changed/)).not.toMatch(/restart/)
  await narwhal.stop()
})

test('R4: a key that is taken away stops counting for what is in memory and on the disk', async () => {
  const cache = await syntheticCache({ paths: 2, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  const settings = { upstream: upstream.url, keys: [cache.publicKey] }
  const { write, reload, get, narwhal } = await configured(settings)
  const [info, other] = cache.infos
  const path = `${info?.storePath.hash}.narinfo`
  expect((await get(path)).header('x-narwhal')).toBe('upstream')
  expect((await get(path)).header('x-narwhal')).toBe('memory')
  // a download that begins before the change and ends after it
  const gate = Promise.withResolvers<void>()
  upstream.script(`/${other?.url}`, pauseAfter(10, gate.promise))
  const otherPath = `${other?.storePath.hash}.narinfo`
  expect((await get(otherPath)).status).toBe(200)
  const nar = requestRaw(`${narwhal.url}/${other?.url}`)
  await expect.poll(() => upstream.count(`/${other?.url}`)).toBe(1)

  await write({ ...settings, keys: [strangersKey] })
  await reload(/reloaded the configuration: trusted_public_keys/)
  gate.resolve()
  expect((await nar).status).toBe(200)
  expect((await get(path)).status).toBe(404)
  expect((await get(otherPath)).status).toBe(404)

  await write(settings)
  await reload(/reloaded the configuration: trusted_public_keys/)
  expect((await get(path)).header('x-narwhal')).toBe('disk')
  expect((await get(otherPath)).header('x-narwhal')).toBe('disk')
  await narwhal.stop()
})

test('R4: what runs while the configuration changes ends with the old one', async () => {
  const cache = await syntheticCache({ paths: 1, totalBytes: 2_000_000, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  const empty = await startFakeUpstream(await tempDir('empty'))
  const settings = { upstream: upstream.url, keys: [cache.publicKey] }
  const { write, reload, get, narwhal } = await configured(settings)
  const [info] = cache.infos
  if (!info) throw new Error('a cache without paths')
  const gate = Promise.withResolvers<void>()
  upstream.script(`/${info.url}`, pauseAfter(500_000, gate.promise))
  await get(`${info.storePath.hash}.narinfo`)
  const bytes = await cache.bytesOf(info)
  const early = joinCrowd(narwhal.port, `/${info.url}`, bytes)
  await expect.poll(() => early.receivedBytes).toBeGreaterThan(0)

  await write({ ...settings, upstream: empty.url })
  await reload(/reloaded the configuration: upstream/)
  const late = joinCrowd(narwhal.port, `/${info.url}`, bytes)
  gate.resolve()
  expect((await early.fate).isRight).toBe(true)
  expect((await late.fate).isRight).toBe(true)
  expect(upstream.count(`/${info.url}`)).toBe(1)
  // and then the old upstream is let go
  await expect.poll(() => upstream.connections).toBe(0)
  await narwhal.stop()
})
