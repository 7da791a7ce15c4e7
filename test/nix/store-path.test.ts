import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  baseName,
  isStoreDir,
  isStoreHash,
  parseBaseName,
  parseStorePath,
  printStorePath,
  storePathSet,
} from '../../src/nix/store-path.ts'
import { storePath } from './arbitraries.ts'
import { codeOf } from './code-of.ts'

const hash = '00d9ax1vzwgxd25z2z3d7cpnsyjm3q4n'

test('reads back what it prints', () => {
  fc.assert(
    fc.property(storePath, (path) => {
      expect(parseBaseName(baseName(path))).toEqual(path)
      expect(parseStorePath(printStorePath(path, '/nix/store'), '/nix/store')).toEqual(path)
    }),
  )
})

test.each([
  ['a name of nothing', `${hash}-`],
  ['no name', hash],
  ['no dash', `${hash}_hello`],
  ['a short hash', `${hash.slice(1)}-hello`],
  ['the letters e, o, t, u', `${hash.slice(0, 31)}e-hello`],
  ['capitals in the hash', `${hash.toUpperCase()}-hello`],
  ['a slash in the name', `${hash}-hello/bin`],
  ['a space in the name', `${hash}-hello world`],
  ['a newline after the name', `${hash}-hello\n`],
  ['a name of 212 letters', `${hash}-${'a'.repeat(212)}`],
  ['the name "."', `${hash}-.`],
  ['the name ".."', `${hash}-..`],
  ['a name that begins ".-"', `${hash}-.-a`],
  ['a name that begins "..-"', `${hash}-..-a`],
])('refuses %s', (_, text) => {
  expect(codeOf(() => parseBaseName(text))).toBe('BAD_STORE_PATH')
})

test('takes hidden names, and names of 211 letters', () => {
  expect(parseBaseName(`${hash}-.hidden`).name).toBe('.hidden')
  expect(parseBaseName(`${hash}-${'a'.repeat(211)}`).name).toHaveLength(211)
})

test('a path must lie directly in the store directory', () => {
  for (const path of [`/gnu/store/${hash}-a`, `/nix/store/x/${hash}-a`, `/nix/store//${hash}-a`])
    expect(codeOf(() => parseStorePath(path, '/nix/store'))).toBe('BAD_STORE_PATH')
})

test('knows a store hash by its letters and its length', () => {
  expect(isStoreHash(hash)).toBe(true)
  expect(isStoreHash(`${hash}0`)).toBe(false)
  expect(isStoreHash(`${hash}\n`)).toBe(false)
})

test('a store directory is absolute and has one spelling', () => {
  for (const good of ['/nix/store', '/a', '/home/me/.nix/..store'])
    expect(isStoreDir(good)).toBe(true)
  for (const bad of [
    '',
    '/',
    'nix/store',
    '/nix/store/',
    '//nix',
    '/nix/../store',
    '/nix/.',
    '/a\n',
  ])
    expect(isStoreDir(bad)).toBe(false)
})

test('a set is sorted by base name and has each path once', () => {
  const a = parseBaseName(`${'0'.repeat(32)}-a`)
  const b = parseBaseName(`${'0'.repeat(32)}-b`)
  const c = parseBaseName(`${'1'.repeat(32)}-B`)
  expect(storePathSet([c, b, a, b])).toEqual([a, b, c])
})
