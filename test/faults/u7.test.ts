import { describe, expect, test } from 'vitest'
import { mayFollow } from '../../src/policy/redirect.ts'
import { startFakeUpstream, type UpstreamRequest } from '../support/fake-upstream.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'

const isNar = /^\/nar\//
const maxHops = 3

describe('U7: a redirect', () => {
  faultTest('in a loop is left after three hops', {}, async (stage) => {
    const { upstream } = stage
    const hop = ({ target }: UpstreamRequest) => Number(/hop=(\d+)/.exec(target)?.[1] ?? 0)
    upstream.script(/\.narinfo/, (answer, request) =>
      faults.redirect(`${request.path}?hop=${hop(request) + 1}`)(answer, request),
    )
    expect((await stage.narinfo()).status).toBe(503)
    expect(Math.max(...upstream.requests.map(hop))).toBe(maxHops)
  })

  faultTest('in a loop: another upstream has the path', { upstreams: 2 }, async (stage) => {
    stage.upstream.script(/./, (answer, request) =>
      faults.redirect(request.target)(answer, request),
    )
    expect((await stage.narinfo()).status).toBe(200)
    expect((await stage.nar()).status).toBe(200)
  })

  faultTest('to storage on another host is followed, without credentials', {}, async (stage) => {
    const { upstream, cache, info } = stage
    const storage = await startFakeUpstream(cache.directory)
    await stage.narinfo()
    upstream.script(isNar, faults.redirect(`${storage.url}/${info.url}?token=x`))
    expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    expect(storage.count()).toBe(1)
    for (const { headers } of storage.requests)
      expect(headerOf(headers, 'authorization')).toBeUndefined()
  })

  for (const target of [
    'file:///etc/passwd',
    'ftp://127.0.0.1/x',
    'javascript:alert(1)',
    '',
    'http://',
  ]) {
    faultTest(`to ${JSON.stringify(target)} is not followed`, { upstreams: 2 }, async (stage) => {
      await stage.narinfo()
      const script = stage.upstream.script(isNar, faults.redirect(target))
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      expect(script.hits).toBeGreaterThan(0)
    })
  }

  test('never leads down from https, or from outside into this machine and its network', () => {
    const follow = (from: string, to: string) => mayFollow(new URL(from), new URL(to))
    expect(follow('https://cache.example.org', 'https://storage.example.net/x')).toBe(true)
    expect(follow('https://cache.example.org', 'http://cache.example.org/x')).toBe(false)
    for (const inside of [
      'https://localhost/x',
      'https://127.0.0.1/x',
      'https://127.1/x',
      'https://0x7f000001/x',
      'https://2130706433/x',
      'https://[::1]/x',
      'https://[::ffff:127.0.0.1]/x',
      'https://169.254.169.254/latest/meta-data',
      'https://[fe80::1]/x',
      'https://10.0.0.1/x',
      'https://192.168.1.1/x',
      'https://172.16.0.1/x',
      'https://[fd00::1]/x',
      'https://printer.local/x',
    ])
      expect(follow('https://cache.example.org', inside), inside).toBe(false)
  })
})
