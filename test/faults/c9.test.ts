import { describe, expect } from 'vitest'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isNar = /^\/nar\//

// one range, suffixes, several, nonsense: test/server/nar-responses.test.ts and range.test.ts
describe('C9: a range', () => {
  for (const header of [
    'bytes=9223372036854775808-',
    'bytes=9223372036854775807-9223372036854775808',
    'bytes=99999999999999999999999999-',
    'bytes=0-9223372036854775808',
    'bytes=-9223372036854775808',
    `bytes=${Array.from({ length: 500 }, (_, at) => `${at}-${at + 9}`).join()}`,
    'bytes=0-,0-,0-,0-',
    'bytes=-0',
    'bytes=--1',
    'bytes=1e3-',
    'bytes=0x10-',
  ]) {
    faultTest(
      `${header.slice(0, 50)} is answered with one part, the whole, or 416`,
      {},
      async (stage) => {
        const response = await stage.nar({ headers: [`Range: ${header}`] })
        expect([200, 206, 416]).toContain(response.status)
        expect(response.end).toBe('clean')
        expect(response.header('content-type')).not.toContain('multipart')
      },
    )
  }

  faultTest('past what has arrived waits for the bytes', {}, async (stage) => {
    const { upstream, bytes } = stage
    await stage.narinfo()
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    upstream.script(isNar, faults.pauseAfter(10_000, gate))
    const rest = stage.nar({ headers: [`Range: bytes=${bytes.length - 1000}-`] })
    const first = stage.nar({ headers: ['Range: bytes=0-999'] })
    expect((await first).status, 'what has arrived does not wait').toBe(206)
    open()
    const response = await rest
    expect(response.status).toBe(206)
    expect(response.body.equals(bytes.subarray(-1000))).toBe(true)
    expect(upstream.count(isNar)).toBe(1)
  })
})
