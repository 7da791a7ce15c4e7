import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { parseCacheInfo } from '../../src/nix/cache-info.ts'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { parseListing } from '../../src/nix/listing.ts'
import { ListingBuilder } from '../../src/nix/listing-builder.ts'
import { NarDecoder } from '../../src/nix/nar-decoder.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { parseNarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import {
  parseRealisation,
  parseRealisationId,
  printRealisation,
  printRealisationId,
  realisationSignedBy,
} from '../../src/nix/realisation.ts'
import type { KeyRing } from '../../src/nix/signature.ts'
import { formatPublicKey, generateSecretKey, keyRing, signText } from '../../src/nix/signature.ts'
import { printStorePath } from '../../src/nix/store-path.ts'
import { isContentAddressed, signedBy } from '../../src/nix/trust.ts'
import { testWith } from '../support/programs.ts'
import type { RealNix } from './real-nix.ts'
import { realNix } from './real-nix.ts'

const test = testWith(['nix', 'nix-build', 'nix-store'])
const expression = join(import.meta.dirname, 'content-addressed.nix')
const features = ['--option', 'experimental-features', 'nix-command flakes ca-derivations']
const floating = ['itself', 'plain']

interface RealCache {
  readonly nix: RealNix
  readonly dir: string
  readonly keys: KeyRing
  /** The text of every narinfo, by the name of its path. */
  readonly narInfos: ReadonlyMap<string, string>
}

let cache: Promise<RealCache> | undefined

/** A signed cache that Nix itself wrote, with a path of every kind of content address. */
function realCache(): Promise<RealCache> {
  cache ??= buildCache()
  return cache
}

async function buildCache(): Promise<RealCache> {
  const nix = await realNix()
  const origin = join(nix.dir, 'origin')
  const dir = join(nix.dir, 'cache')
  nix.run('nix-store', ['--generate-binary-cache-key', 'test-1', 'secret', 'public'])
  const sign = ['--option', 'secret-key-files', join(nix.dir, 'secret')]
  nix.run('nix-build', [expression, '--store', origin, '--no-out-link', ...features, ...sign])
  nix.run('nix-store', ['--store', origin, '--add', join(import.meta.dirname, 'real-nix.ts')])
  const url = `file://${dir}?compression=none&write-nar-listing=true&secret-key=${nix.dir}/secret`
  const copy = ['copy', '--store', origin, '--to', url, ...features]
  nix.run('nix', [...copy, '--all'])
  // Only a copy by derivation takes realisations along.
  nix.run('nix', [...copy, '-f', expression, ...floating])
  const narInfos = new Map(
    readdirSync(dir)
      .filter((file) => file.endsWith('.narinfo'))
      .map((file) => readFileSync(join(dir, file), 'utf8'))
      .map((text) => [parseNarInfo(text).storePath.name, text]),
  )
  return { nix, dir, keys: keyRing([readFileSync(join(nix.dir, 'public'), 'utf8')]), narInfos }
}

async function infoOf(name: string): Promise<NarInfo> {
  return parseNarInfo((await realCache()).narInfos.get(name) ?? '')
}

test('a narinfo of Nix’s own prints as it was, to the byte', async () => {
  const { narInfos } = await realCache()
  expect(narInfos.size).toBeGreaterThan(8)
  for (const text of narInfos.values()) expect(printNarInfo(parseNarInfo(text))).toBe(text)
})

test('its signature is good, and no longer after an edit', async () => {
  const { narInfos, keys } = await realCache()
  for (const info of [...narInfos.values()].map(parseNarInfo)) {
    expect(signedBy(info, keys)).toBe('test-1')
    expect(signedBy({ ...info, narSize: info.narSize + 8 }, keys)).toBeUndefined()
    expect(signedBy({ ...info, url: 'elsewhere' }, keys)).toBe('test-1')
  }
})

test.each([
  ['a NAR', 'plain', 'fixed:r:sha256:'],
  ['a NAR that names itself and another path', 'itself', 'fixed:r:sha256:'],
  ['what nix-store --add added', 'real-nix.ts', 'fixed:r:sha256:'],
  ['a NAR by SHA-1', 'sha1', 'fixed:r:sha1:'],
  ['a flat file', 'flat', 'fixed:sha256:'],
  ['a derivation, which is text', 'plain.drv', 'text:sha256:'],
  ['a text with references', 'outer', 'text:sha256:'],
])('%s is content-addressed, and no longer after an edit', async (_, name, method) => {
  const info = await infoOf(name)
  expect(info.ca?.startsWith(method)).toBe(true)
  expect(isContentAddressed(info)).toBe(true)
  const other = (await infoOf(name === 'flat' ? 'sha1' : 'flat')).storePath
  const edits: Partial<NarInfo>[] = [
    { storeDir: '/other/store' },
    { storePath: { ...info.storePath, name: 'other' } },
    { references: [...info.references, other] },
    ...otherMethods(info.ca ?? '').map((ca) => ({ ca })),
    { ca: undefined },
  ]
  for (const edit of edits) expect(isContentAddressed({ ...info, ...edit } as NarInfo)).toBe(false)
})

/** The same hash as every other kind of content address. */
function otherMethods(ca: string): string[] {
  const hash = ca.replace(/^(text|fixed:r|fixed):/, '')
  const methods = ['text:', 'fixed:', 'fixed:r:', 'fixed:git:']
  return methods.map((method) => method + hash).filter((other) => other !== ca)
}

test('a path that is not content-addressed is not taken for one', async () => {
  expect(isContentAddressed(await infoOf('text'))).toBe(false)
})

test('a CA that covers the NAR vouches for no other NarHash', async () => {
  const { narHash } = await infoOf('flat')
  expect(isContentAddressed({ ...(await infoOf('plain')), narHash })).toBe(false)
})

test('a listing built from the NAR is the one Nix wrote', async () => {
  const { dir, narInfos } = await realCache()
  for (const info of [...narInfos.values()].map(parseNarInfo)) {
    const builder = new ListingBuilder()
    const decoder = new NarDecoder(builder)
    decoder.write(readFileSync(join(dir, info.url)))
    decoder.end()
    const written = readFileSync(join(dir, `${info.storePath.hash}.ls`), 'utf8')
    expect(builder.listing()).toEqual(parseListing(written))
  }
})

test('realisations print as they were, and their signatures are good', async () => {
  const { dir, keys } = await realCache()
  const files = readdirSync(join(dir, 'realisations'))
  expect(files).toHaveLength(floating.length)
  for (const file of files) {
    const text = readFileSync(join(dir, 'realisations', file), 'utf8')
    const realisation = parseRealisation(text)
    expect(printRealisation(realisation)).toBe(text)
    expect(realisationSignedBy(realisation, keys)).toBe('test-1')
    expect(`${printRealisationId(realisation.id)}.doi`).toBe(file)
    expect(parseRealisationId(file.slice(0, -'.doi'.length))).toEqual(realisation.id)
  }
})

test('its nix-cache-info is read', async () => {
  const { dir } = await realCache()
  const text = readFileSync(join(dir, 'nix-cache-info'), 'utf8')
  expect(parseCacheInfo(text).storeDir).toBe('/nix/store')
})

test('Nix trusts a narinfo that we signed and printed', async () => {
  const { nix, dir } = await realCache()
  const resigned = join(nix.dir, 'resigned')
  cpSync(dir, resigned, { recursive: true })
  const key = generateSecretKey('ours-1')
  const info = await infoOf('text')
  for (const file of readdirSync(resigned).filter((each) => each.endsWith('.narinfo'))) {
    const path = join(resigned, file)
    const original = parseNarInfo(readFileSync(path))
    const signatures = [signText(fingerprint(original), key)]
    writeFileSync(path, printNarInfo({ ...original, signatures, ca: undefined }))
  }
  const path = printStorePath(info.storePath, info.storeDir)
  const target = join(nix.dir, 'target')
  const trusted = ['--option', 'trusted-public-keys', formatPublicKey(key.publicKey)]
  const fetch = (keys: string[]) =>
    nix.run('nix', ['copy', '--from', `file://${resigned}`, '--to', target, path, ...keys])
  expect(() => fetch([])).toThrow(/signature/)
  fetch(trusted)
  expect(existsSync(join(target, path))).toBe(true)
})
