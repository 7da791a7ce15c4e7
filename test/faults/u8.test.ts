import { describe, expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { Fault } from '../support/fake-upstream.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isNarinfo = /\.narinfo$/
const isNar = /^\/nar\//
const retryAt = new Date(Date.now() + 3_600_000).toUTCString()

const xml = (code: string) => `<?xml version="1.0"?>\n<Error><Code>${code}</Code></Error>\n`

/** An answer with another status and body, as a storage service in trouble writes it. */
const says = (status: number, text: string): Fault[] => [
  faults.status(status),
  faults.body(text),
  faults.header('Content-Type', 'application/xml'),
]

const failures: Readonly<Record<string, Fault | readonly Fault[]>> = {
  '500': faults.status(500),
  '502': faults.status(502),
  '503': faults.status(503),
  '504': faults.status(504),
  '429': faults.status(429),
  '429 with Retry-After in seconds': faults.status(429, ['Retry-After', '1']),
  '429 with a Retry-After of a year': faults.status(429, ['Retry-After', '31536000']),
  '429 with Retry-After as a date': faults.status(429, ['Retry-After', retryAt]),
  '429 with a Retry-After below zero': faults.status(429, ['Retry-After', '-5']),
  '429 with a Retry-After of nonsense': faults.status(429, ['Retry-After', 'soon']),
  '503 with the XML of a throttle': says(503, xml('SlowDown')),
  '200 with a captive portal': faults.body('<html><body>Please log in</body></html>\n'),
  '200 with the XML of an error': faults.body(xml('InternalError')),
}

describe('U8: an upstream that answers', () => {
  for (const [name, fault] of Object.entries(failures)) {
    faultTest(
      `${name}: the other one serves, and it is no absence`,
      { upstreams: 2, paths: 2 },
      async (stage) => {
        const { upstream, other, cache } = stage
        upstream.script(/./, fault)
        expect((await stage.narinfo()).status).toBe(200)
        expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
        const first = cache.infos[0] as NarInfo
        const lacks = other.script(isNarinfo, faults.status(404))
        expect([404, 503]).toContain((await stage.narinfo(first)).status)
        lacks.stop()
        expect((await stage.narinfo(first)).status, 'no failure was cached').toBe(200)
      },
    )
  }

  const absences: Readonly<Record<string, readonly Fault[]>> = {
    '404': [faults.status(404)],
    '410': [faults.status(410)],
    '403': [faults.status(403)],
    '403 with the XML of a missing key': says(403, xml('AccessDenied')),
    '404 with the XML of a missing key': says(404, xml('NoSuchKey')),
  }
  for (const [name, fault] of Object.entries(absences)) {
    faultTest(`${name} has no such path, for a while`, {}, async (stage) => {
      const { upstream } = stage
      upstream.script(isNarinfo, fault)
      expect((await stage.narinfo()).status).toBe(404)
      expect((await stage.narinfo()).status).toBe(404)
      expect(upstream.count(isNarinfo)).toBe(1)
    })
  }

  faultTest('403 with the XML of a throttle has not said that it has none', {}, async (stage) => {
    const { upstream } = stage
    const script = upstream.script(isNarinfo, says(403, xml('SlowDown')))
    await stage.narinfo()
    script.stop()
    await expect.poll(async () => (await stage.narinfo()).status).toBe(200)
  })

  faultTest('5xx to a NAR and then recovers: it is served soon', {}, async (stage) => {
    const { upstream } = stage
    await stage.narinfo()
    const script = upstream.script(isNar, faults.status(503))
    expect((await stage.nar()).status).toBe(503)
    script.stop()
    await expect.poll(async () => (await stage.nar()).status).toBe(200)
  })
})
