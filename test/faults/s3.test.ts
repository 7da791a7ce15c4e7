import { describe, expect } from 'vitest'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { fieldOf } from '../support/opaque-cache.ts'
import { requestRaw } from '../support/raw-http.ts'

const isNarinfo = /\.narinfo$/

const foreign = [
  'http://169.254.169.254/latest/meta-data',
  'https://evil.example.org/x.nar',
  '//evil.example.org/x.nar',
  '../../etc/passwd',
  'nar/../../secret',
  'nar/%2e%2e/%2e%2e/secret',
  'file:///etc/passwd',
  'nar/x\\..\\y',
  'http://user:pass@127.0.0.1/x',
  'data:,x',
]

describe('S3: a narinfo whose URL leads', () => {
  for (const url of foreign) {
    faultTest(
      `to ${url} is refused; the next upstream's is taken`,
      { upstreams: 2 },
      async (stage) => {
        const { upstream, other } = stage
        upstream.script(
          isNarinfo,
          faults.edit((text) => text.replace(/^URL: .*$/m, `URL: ${url}`)),
        )
        expect((await stage.narinfo()).status).toBe(200)
        expect((await stage.nar()).status).toBe(200)
        // by the name the good narinfo gives, the first may be asked too: it is the same file
        const paths = [...upstream.requests, ...other.requests].map(({ path }) => path)
        expect(
          paths.filter((path) => !/^\/([0-9a-z]{32}\.narinfo|nar\/[0-9a-z.]+)$/.test(path)),
        ).toEqual([])
      },
    )
  }

  faultTest(
    'to its own host, written in full, is rewritten to a path of ours',
    {},
    async (stage) => {
      const { upstream, info, narwhal } = stage
      const full = `${upstream.url}/${info.url}`
      upstream.script(
        isNarinfo,
        faults.edit((text) => text.replace(/^URL: .*$/m, `URL: ${full}`)),
      )
      const text = (
        await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
      ).body.toString()
      const url = fieldOf(text, 'URL')
      expect(url).toMatch(/^nar\/[0-9a-z-]+\.nar(\.\w+)?$/)
      expect((await requestRaw(`${narwhal.url}/${url}`)).body.equals(stage.bytes)).toBe(true)
    },
  )

  faultTest('to another host: that host is never contacted', {}, async (stage) => {
    const { upstream, info, cache } = stage
    const evil = await startFakeUpstream(cache.directory)
    const url = `${evil.url}/${info.url}`
    upstream.script(
      isNarinfo,
      faults.edit((text) => text.replace(/^URL: .*$/m, `URL: ${url}`)),
    )
    expect((await stage.narinfo()).status).toBe(404)
    expect(evil.count()).toBe(0)
  })
})
