import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { expect, test } from 'vitest'
import { printExample } from '../../src/config/example.ts'
import { flagProperty, optionsOf, variableOf } from '../../src/config/option.ts'
import { options, upstreamOptions, upstreamUrls } from '../../src/config/options.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { defaultOf } from '../../src/config/read-options.ts'

const file = readFileSync(join(import.meta.dirname, '../../config/narwhal.toml'), 'utf8')
const plain = [...optionsOf(options), upstreamUrls]
const all = [...plain, ...optionsOf(upstreamOptions)]

test('config/narwhal.toml is what the table of options prints', () => {
  expect(file).toBe(printExample())
})

test('config/narwhal.toml holds every option once, with its default, and nothing else', () => {
  const uncommented = parse(file.replaceAll(/^#(?=\w+ = )/gm, ''))
  const [upstream] = uncommented.upstream as [Record<string, unknown>]
  const found = [...flatten(uncommented), ...Object.entries(upstream)]
  const expected = [...optionsOf(options), ...optionsOf(upstreamOptions)].map((option) => [
    option.key,
    option.default ?? option.example,
  ])
  expect(found).toEqual(expected)
})

test('config/narwhal.toml changes nothing', () => {
  expect(readConfig({ text: file })).toEqual(readConfig({ text: '' }))
})

test.each(all.map((option) => [option.key, option] as const))(
  '%s has a sound default and example, and is explained',
  (_, option) => {
    expect(() => defaultOf(option)).not.toThrow()
    expect(() => defaultOf({ ...option, default: option.example })).not.toThrow()
    expect(option.default ?? option.example).toBeDefined()
    expect(option.text).toMatch(/^[A-Z"].{20,}\.$/)
  },
)

test('keys, variables and flags are each given once', () => {
  const flags = plain.flatMap(({ flag }) => (flag ? [flag.name] : []))
  expect(new Set(plain.map(({ key }) => key)).size).toBe(plain.length)
  expect(new Set(plain.map(variableOf)).size).toBe(plain.length)
  expect(new Set(flags).size).toBe(flags.length)
})

test('the flags and variables are those the documentation promises', () => {
  expect(plain.flatMap(({ flag }) => (flag ? [flag.name] : []))).toEqual([
    'listen',
    'data-dir',
    'trusted-key',
    'max-size',
    'log-level',
    'upstream',
  ])
  expect(plain.map(variableOf)).toEqual(
    expect.arrayContaining(['NARWHAL_LISTEN', 'NARWHAL_DATA_DIR', 'NARWHAL_CACHE_MAX_SIZE']),
  )
  expect(flagProperty('trusted-key')).toBe('trustedKey')
})

function flatten(table: object, prefix = ''): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]): [string, unknown][] => {
    if (name === 'upstream') return []
    return typeof value === 'object' && !Array.isArray(value)
      ? flatten(value, `${prefix}${name}.`)
      : [[prefix + name, value]]
  })
}
