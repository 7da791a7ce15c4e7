import { describe, expect } from 'vitest'
import type { Fault, UpstreamRequest } from '../support/fake-upstream.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'

const isNar = /^\/nar\//
const half = 250_000

const isResume = ({ path, headers }: UpstreamRequest) =>
  isNar.test(path) && headerOf(headers, 'range') !== undefined

/** Another object of the same length, as a cache that rebuilt the file under its old name sends. */
const otherObject: readonly Fault[] = [
  (answer) => ({ ...answer, body: inverted(answer.body) }),
  faults.header('ETag', '"another"'),
]

async function* inverted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) yield chunk.map((byte) => byte ^ 0xff)
}

/** A range of the right file that begins where nobody asked. */
const otherStart: Fault = (answer, request) => {
  const size = Number(/\/(\d+)$/.exec(headerOf(answer.headers, 'content-range') ?? '')?.[1])
  return faults.header('Content-Range', `bytes 5-${size - 1}/${size}`)(answer, request)
}

const lies: Readonly<Record<string, Fault | readonly Fault[]>> = {
  'another range than asked for': otherStart,
  'a range of a shorter file': faults.header('Content-Range', 'bytes 5-99/100'),
  'a range of a longer file': faults.header('Content-Range', 'bytes 250000-900000/900001'),
  'no Content-Range at all': faults.header('Content-Range'),
  'a 200 to the Range': (answer) => ({ ...answer, status: 200 }),
  '416': faults.status(416),
  '412, since its ETag has changed': faults.status(412),
  'the rest of another object': otherObject,
}

describe('U4: a resume that is answered with', () => {
  for (const [name, lie] of Object.entries(lies)) {
    faultTest(`${name}: the bytes are never spliced`, {}, async (stage) => {
      const { upstream } = stage
      await stage.narinfo()
      upstream.script(isNar, faults.cutAfter(half), { times: 1 })
      const script = upstream.script(isResume, lie)
      // oracle A: either an error, or the bytes of the origin
      await stage.nar()
      expect(script.hits).toBeGreaterThan(0)
    })
  }

  faultTest(
    'another range: another upstream gives the rest of the same file',
    { upstreams: 2 },
    async (stage) => {
      const { upstream, other } = stage
      await stage.narinfo()
      upstream.script(isNar, faults.cutAfter(half), { times: 1 })
      upstream.script(isResume, otherStart)
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      expect(other.requests.some(isResume)).toBe(true)
    },
  )
})
