import { expect, test } from 'vitest'
import { planChange } from '../../src/config/live-change.ts'
import { loadConfig } from '../../src/config/read-config.ts'

const started = loadConfig({})

test('a configuration against itself changes nothing', () => {
  const wanted = loadConfig({})
  expect(planChange({ started, current: started, wanted })).toEqual({
    config: started,
    now: [],
    atRestart: [],
  })
})

test('what takes a restart stays as it was at the start, the rest changes', () => {
  const text = `
    listen = ["127.0.0.1:1"]
    trusted_public_keys = []
    [cache]
    store_dir = "/other/store"
    priority = 7
    [log]
    level = "debug"
    [[upstream]]
    url = "https://other.example"`
  const wanted = loadConfig({ text })
  const { config, now, atRestart } = planChange({ started, current: started, wanted })
  expect(config).toEqual({
    ...started,
    trustedPublicKeys: [],
    cache: { ...started.cache, priority: 7 },
    log: { ...started.log, level: 'debug' },
    upstreams: wanted.upstreams,
  })
  expect(now).toEqual(['trusted_public_keys', 'cache.priority', 'log.level', 'upstream'])
  expect(atRestart).toEqual(['listen', 'cache.store_dir'])
})

test('what changes now is told against the configuration in use, what waits against the start', () => {
  const text = '[cache]\nstore_dir = "/other/store"\npriority = 7'
  const wanted = loadConfig({ text })
  const { config: current } = planChange({ started, current: started, wanted })
  expect(planChange({ started, current, wanted })).toMatchObject({
    now: [],
    atRestart: ['cache.store_dir'],
  })
  expect(planChange({ started, current, wanted: loadConfig({}) })).toMatchObject({
    now: ['cache.priority'],
    atRestart: [],
  })
})
