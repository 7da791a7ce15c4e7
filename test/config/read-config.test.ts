import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { printExample } from '../../src/config/example.ts'
import { formatMistakes } from '../../src/config/mistake.ts'
import { type ConfigInput, loadConfig, readConfig } from '../../src/config/read-config.ts'
import { isAppError } from '../../src/errors.ts'

const nixosKey = 'cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='
const otherKey = `other-1:${Buffer.alloc(32, 1).toString('base64')}`

function configOf(input: ConfigInput): Config {
  const reading = readConfig(input)
  if (!reading.ok) throw new Error(formatMistakes(reading.mistakes))
  return reading.config
}

function mistakesIn(input: ConfigInput | string) {
  const reading = readConfig(typeof input === 'string' ? { text: input } : input)
  return reading.ok ? [] : reading.mistakes
}

/** "line key: message (suggestion)" of each, for short expectations. */
function told(input: ConfigInput | string): string[] {
  return mistakesIn(input).map(
    ({ line, key, message, suggestion }) =>
      `${line ?? '-'} ${key}: ${message}${suggestion ? ` (${suggestion})` : ''}`,
  )
}

test('with nothing given it is a proxy in front of cache.nixos.org', () => {
  expect(configOf({})).toEqual({
    listen: [{ host: '::', port: 5000 }],
    dataDir: './narwhal-data',
    trustedPublicKeys: [nixosKey],
    cache: {
      maxSize: { kind: 'bytes', bytes: 50 * 1024 ** 3 },
      minFree: { kind: 'percent', percent: 5 },
      memoryBytes: 64 * 1024 ** 2,
      priority: 30,
      storeDir: '/nix/store',
      negativeTtlMs: 30_000,
    },
    upstreams: [
      { url: 'https://cache.nixos.org', priority: 40, publicKeys: [], verify: 'signature' },
    ],
    prefetch: { narinfos: true, nars: true, maxConcurrent: 16 },
    recompress: { enabled: 'auto', level: 3, workers: 1 },
    signing: {},
    auth: {},
    log: { level: 'info', format: 'auto' },
    limits: {
      maxClients: 4096,
      upstreamConnections: 64,
      maxDownloads: 16,
      maxUploadBytes: 8 * 1024 ** 3,
      patienceMs: 10_000,
      drainMs: 90_000,
    },
  })
})

test('reads every option of a file', () => {
  const text = `
    listen = ["127.0.0.1:0", "[::1]:80"]
    data_dir = "/d"
    trusted_public_keys = []
    netrc_file = "/n"
    cache = { max_size = "80%", min_free = "1GiB", memory = "1MiB", priority = 0, store_dir = "/s", negative_ttl = "0s" }
    limits.max_clients = 1
    limits.upstream_connections = 2
    limits.max_downloads = 3
    limits.max_upload = "4GiB"
    signing.key_file = "/k"
    auth.tokens_file = "/t"
    limits.patience = "5s"
    limits.drain = "1m"
    [prefetch]
    narinfos = false
    nars = false
    max_concurrent = 4
    [recompress]
    enabled = true
    level = 9
    workers = 2
    [log]
    level = "silent"
    format = "json"
    [[upstream]]
    url = "http://a/"
    priority = 1
    public_keys = ["${otherKey}"]
    username = "u"
    password_file = "/p"
    [[upstream]]
    url = "file:///b"
    verify = "none"
    [[upstream]]
    url = "https://c"
    bearer_token_file = "/t"
    ca_file = "/c"`
  const plain = { priority: 40, publicKeys: [], verify: 'signature' }
  expect(configOf({ text })).toEqual({
    listen: [
      { host: '127.0.0.1', port: 0 },
      { host: '::1', port: 80 },
    ],
    dataDir: '/d',
    trustedPublicKeys: [],
    netrcFile: '/n',
    cache: {
      maxSize: { kind: 'percent', percent: 80 },
      minFree: { kind: 'bytes', bytes: 1024 ** 3 },
      memoryBytes: 1024 ** 2,
      priority: 0,
      storeDir: '/s',
      negativeTtlMs: 0,
    },
    upstreams: [
      {
        ...plain,
        url: 'http://a',
        priority: 1,
        publicKeys: [otherKey],
        username: 'u',
        passwordFile: '/p',
      },
      { ...plain, url: 'file:///b', verify: 'none' },
      { ...plain, url: 'https://c', bearerTokenFile: '/t', caFile: '/c' },
    ],
    prefetch: { narinfos: false, nars: false, maxConcurrent: 4 },
    recompress: { enabled: true, level: 9, workers: 2 },
    signing: { keyFile: '/k' },
    auth: { tokensFile: '/t' },
    log: { level: 'silent', format: 'json' },
    limits: {
      maxClients: 1,
      upstreamConnections: 2,
      maxDownloads: 3,
      maxUploadBytes: 4 * 1024 ** 3,
      patienceMs: 5_000,
      drainMs: 60_000,
    },
  })
})

test('flags beat the environment, which beats the file, which beats the default', () => {
  const text = 'data_dir = "file"\n[cache]\nmax_size = "1GiB"\nmemory = "1MiB"\n'
  const env = { NARWHAL_DATA_DIR: 'env', NARWHAL_CACHE_MAX_SIZE: '2GiB' }
  const flags = { dataDir: 'flag' }
  const { dataDir, cache } = configOf({ text, env, flags })
  expect(dataDir).toBe('flag')
  expect(cache.maxSize).toEqual({ kind: 'bytes', bytes: 2 * 1024 ** 3 })
  expect(cache.memoryBytes).toBe(1024 ** 2)
  expect(cache.priority).toBe(30)
})

test('lists in the environment stand between commas or spaces', () => {
  const env = {
    NARWHAL_LISTEN: '127.0.0.1:1, [::1]:2 a:3',
    NARWHAL_CACHE_PRIORITY: '7',
    NARWHAL_UPSTREAM: 'https://a,https://b',
  }
  const config = configOf({ env })
  expect(config.listen.map(({ port }) => port)).toEqual([1, 2, 3])
  expect(config.cache.priority).toBe(7)
  expect(config.upstreams.map(({ url }) => url)).toEqual(['https://a', 'https://b'])
})

test('an empty variable counts as not set', () => {
  expect(configOf({ env: { NARWHAL_LISTEN: '', NARWHAL_LOG_LEVEL: ' ' } })).toEqual(configOf({}))
})

test('--upstream and --trusted-key replace the lists of the file', () => {
  const text = `trusted_public_keys = ["${nixosKey}"]\n[[upstream]]\nurl = "https://a"\npriority = 1\n`
  const config = configOf({ text, flags: { upstream: ['http://b/'], trustedKey: [otherKey] } })
  expect(config.upstreams).toEqual([
    { url: 'http://b', priority: 40, publicKeys: [], verify: 'signature' },
  ])
  expect(config.trustedPublicKeys).toEqual([otherKey])
})

test('every mistake of every source is told at once, each where it stands', () => {
  const text = [
    'listen = ["[::]:1",',
    '  "nowhere at all"]',
    'data_dri = "x"',
    '[cache]',
    'max_size = 50GiB',
    'memory = 64',
    '[logs]',
    'level = "info"',
    '[[upstream]]',
    'url = "https://a"',
    'verify = "maybe"',
  ].join('\n')
  const mistakes = mistakesIn({
    text,
    fileName: 'my.toml',
    env: { NARWHAL_CACHE_PRIORITY: 'high', NARWHAL_CACHE_MAXSIZE: '1GiB' },
    flags: { logLevel: 'loud', listen: ['[::]:1', '5000'] },
  })
  expect(formatMistakes(mistakes).split('\n')).toEqual([
    'my.toml:2: listen[1]: expected an address such as "[::]:5000" or "127.0.0.1:5000", found the text "nowhere at all"',
    'my.toml:3: data_dri: unknown key (did you mean data_dir?)',
    'my.toml:5: cache.max_size: text needs quotes (did you mean "50GiB"?)',
    'my.toml:6: cache.memory: expected a size such as "64MiB", found the number 64',
    'my.toml:7: logs: unknown table (did you mean log?)',
    'my.toml:11: upstream[0].verify: expected "signature" or "none", found the text "maybe"',
    'environment: NARWHAL_CACHE_PRIORITY: expected a whole number such as 30, found the text "high"',
    'environment: NARWHAL_CACHE_MAXSIZE: unknown variable (did you mean NARWHAL_CACHE_MAX_SIZE?)',
    'command line: --listen: expected an address such as "[::]:5000" or "127.0.0.1:5000", found the text "5000" (did you mean "[::]:5000"?)',
    'command line: --log-level: expected "trace", "debug", "info", "warn", "error", "fatal" or "silent", found the text "loud"',
  ])
})

test('a wrong value is told even where another source overrules it', () => {
  expect(told({ text: '[log]\nlevel = 3\n', flags: { logLevel: 'info' } })).toHaveLength(1)
})

test('an option in the wrong table is sent to the right one', () => {
  expect(told('max_size = "1GiB"\n[log]\nlisten = []\nurl = "https://a"\n')).toEqual([
    '1 max_size: belongs below [cache]',
    '3 log.listen: belongs above the first [table]',
    '4 log.url: belongs below [[upstream]]',
  ])
})

test('an option whose name stands in several tables is sent to each of them', () => {
  expect(told('level = "debug"\npriority = 1\n[cache]\nmax_concurrent = 1\n')).toEqual([
    '1 level: belongs below [recompress], or below [log]',
    '2 priority: belongs below [cache], or below [[upstream]]',
    '4 cache.max_concurrent: belongs below [prefetch]',
  ])
})

test('a table in place of a value and a value in place of a table are told', () => {
  expect(told('log = "debug"\n[data_dir]\nx = 1\n[[cache]]\nmemory = "1MiB"\n')).toEqual([
    '1 log: expected the table [log], found the text "debug"',
    '2 data_dir: expected a directory such as "/var/lib/narwhal", found a table',
    '4 cache: expected the table [cache], found a list',
  ])
})

test.each([
  [
    '[upstream]\nurl = "https://a"',
    ['1 upstream: each upstream is a table of its own, below [[upstream]] in double brackets'],
  ],
  ['upstream = "https://a"', [expect.stringContaining('1 upstream: each upstream')]],
  ['upstream = []', [expect.stringContaining('1 upstream: each upstream')]],
  [
    '[[upstream]]\npriority = 1',
    ['1 upstream[0]: has no url, such as url = "https://cache.nixos.org"'],
  ],
  ['[[upstream]]\nurl = 1', [expect.stringContaining('2 upstream[0].url: expected')]],
  [
    '[[upstream]]\nurl = "https://a"\n[[upstream]]\nurl = "https://A:443/"',
    ['3 upstream[1]: https://a is given twice'],
  ],
  [
    '[[upstream]]\nurl = "https://a"\nusername = "u"',
    ['3 upstream[0].username: needs a password_file beside it'],
  ],
  [
    '[[upstream]]\nurl = "https://a"\npassword_file = "p"',
    ['3 upstream[0].password_file: needs a username beside it'],
  ],
  [
    '[[upstream]]\nurl = "https://a"\nusername = "u"\npassword_file = "p"\nbearer_token_file = "t"',
    [
      '5 upstream[0].bearer_token_file: excludes username and password_file: a request carries one or the other',
    ],
  ],
  [
    '[[upstream]]\nurl = "file:///a"\nbearer_token_file = "t"',
    ['1 upstream[0]: a directory takes no credentials'],
  ],
  ['[[upstream]]\nurl = "https://a"\nbacon = 1', ['3 upstream[0].bacon: unknown key']],
])('upstreams: %j', (text, expected) => {
  expect(told(text)).toEqual(expected)
})

test('a wrong value is not taken for a missing one', () => {
  const text = '[[upstream]]\nurl = "https://a"\nusername = 1\npassword_file = "p"\n'
  expect(told(text)).toHaveLength(1)
  expect(told('[[upstream]]\nurl = https://a\n')).toEqual([
    '2 upstream[0].url: text needs quotes ("https://a")',
  ])
})

test('the same upstream twice on the command line is told', () => {
  expect(told({ flags: { upstream: ['https://a', 'https://a/'] } })).toEqual([
    '- --upstream: https://a is given twice',
  ])
})

test('variables of a container platform are let be, misspelt ones are told', () => {
  const platform = {
    NARWHAL_PORT: 'tcp://10.0.0.1:5000',
    NARWHAL_SERVICE_HOST: '10.0.0.1',
    NARWHAL_SERVICE_PORT: '5000',
    NARWHAL_PORT_5000_TCP_ADDR: '10.0.0.1',
  }
  expect(told({ env: platform })).toEqual([])
  expect(told({ env: { NARWHAL_MAX_SIZE: '1GiB', NARWHAL_LISTENS: 'x' } })).toEqual([
    '- NARWHAL_MAX_SIZE: unknown variable (NARWHAL_CACHE_MAX_SIZE)',
    '- NARWHAL_LISTENS: unknown variable (NARWHAL_LISTEN)',
  ])
})

test('the configuration is frozen to its leaves', () => {
  const config = configOf({ text: printExample() })
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(frozen))
  expect(frozen(config)).toBe(true)
})

test('loadConfig throws everything at once', () => {
  try {
    loadConfig({ text: 'a = 1\nb = 2\n', fileName: 'x.toml' })
    expect.unreachable()
  } catch (error) {
    if (!isAppError(error, 'BAD_CONFIG')) throw error
    expect(error.message).toBe('x.toml:1: a: unknown key\nx.toml:2: b: unknown key')
  }
})

test('keys that reach for prototypes are unknown keys and nothing else', () => {
  const before = Object.getOwnPropertyNames(Object.prototype)
  const text = `
__proto__.listen = ["[::]:1"]
constructor.prototype.polluted = 1
"toString" = 1
[cache]
__proto__ = { priority = 1 }
[[upstream]]
url = "https://a"
__proto__ = { verify = "none" }
`
  expect(told(text).map((line) => line.split(':')[0])).toEqual([
    '2 __proto__',
    '3 constructor',
    '4 toString',
    '6 cache.__proto__',
    '9 upstream[0].__proto__',
  ])
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

test('what flags and environment merely inherit does not count', () => {
  const flags = Object.create({ dataDir: 'inherited' })
  const env = Object.create({ NARWHAL_DATA_DIR: 'inherited' })
  expect(configOf({ flags, env })).toEqual(configOf({}))
})

const tomlScrap = fc.oneof(
  fc.constantFrom(
    '[cache]',
    '[[upstream]]',
    '[log]',
    '[upstream]',
    '[__proto__]',
    'url = "https://a"',
    'listen = ["[::]:1"]',
    'listen = [',
    ']',
    'max_size = "1GiB"',
    'max_size = 1GiB',
    'priority = 1',
    'priority = 9999999999999999999999',
    '__proto__ = 1',
    'constructor.prototype.x = 1',
    'a.b.c = {}',
    'cache.memory = "1MiB"',
    'x = """',
    '"""',
    'level = "debug"',
    'd = 1979-05-27',
    'n = nan',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

test('any text becomes a whole configuration or mistakes, and never an exception', () => {
  const prototype = Object.getOwnPropertyNames(Object.prototype)
  const text = fc.array(tomlScrap).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, (toml) => {
      const reading = readConfig({ text: toml })
      if (reading.ok) {
        expect(Object.keys(reading.config)).toEqual(Object.keys(configOf({})))
        expect(reading.config.upstreams.length).toBeGreaterThan(0)
      } else {
        expect(reading.mistakes.length).toBeGreaterThan(0)
        const lines = toml.split('\n').length
        for (const { line } of reading.mistakes)
          if (line !== undefined) expect(line >= 1 && line <= lines).toBe(true)
      }
      expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype)
    }),
    { numRuns: 1000 },
  )
})

test('any environment and command line become a configuration or mistakes', () => {
  const names = fc.constantFrom('NARWHAL_LISTEN', 'NARWHAL_UPSTREAM', 'NARWHAL_LIMITS_DRAIN', 'X')
  const flagNames = fc.constantFrom('listen', 'dataDir', 'upstream', 'maxSize', 'config', 'json')
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.boolean())
  fc.assert(
    fc.property(
      fc.dictionary(names, fc.string()),
      fc.dictionary(flagNames, value),
      (env, flags) => {
        expect(readConfig({ env, flags }).ok).toBeTypeOf('boolean')
      },
    ),
  )
})
