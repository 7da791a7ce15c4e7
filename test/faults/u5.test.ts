import { describe, expect } from 'vitest'
import { withheldBytes } from '../../src/store/download.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isNar = /^\/nar\//

// an uncompressed NAR: a flipped bit shows only in its hash, at the very end
const stageOptions = { compression: 'none', totalBytes: 600_000 } as const

const places: Readonly<Record<string, (size: number) => number>> = {
  first: () => 0,
  middle: (size) => Math.floor(size / 2),
  last: (size) => size - 1,
}

describe('U5: a flipped bit', () => {
  for (const [name, placeIn] of Object.entries(places)) {
    faultTest(
      `in the ${name} byte: the tail is withheld, the socket destroyed, the rest 404`,
      stageOptions,
      async (stage) => {
        const { upstream, bytes } = stage
        await stage.narinfo()
        upstream.script(isNar, faults.flipBit(placeIn(bytes.length)))
        const cut = await stage.nar()
        const isClean200 = cut.status === 200 && cut.end === 'clean'
        expect(isClean200).toBe(false)
        expect(cut.body.length).toBeLessThanOrEqual(bytes.length - withheldBytes)
        const asked = upstream.count(isNar)
        const rest = await stage.nar({ headers: [`Range: bytes=${cut.body.length}-`] })
        expect(rest.status).toBe(404)
        expect(upstream.count(isNar), 'quarantined: not asked for it again').toBe(asked)
      },
    )

    faultTest(
      `in the ${name} byte: another upstream serves it`,
      { ...stageOptions, upstreams: 2 },
      async (stage) => {
        const { upstream, other, bytes } = stage
        await stage.narinfo()
        upstream.script(isNar, faults.flipBit(placeIn(bytes.length)))
        const first = await stage.nar()
        if (first.end === 'cut')
          expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
        expect(upstream.count(isNar)).toBe(1)
        expect(other.count(isNar)).toBe(1)
      },
    )
  }

  faultTest(
    'that a client has got: it is not given the rest of the right file',
    { ...stageOptions, upstreams: 2 },
    async (stage) => {
      await stage.narinfo()
      stage.upstream.script(isNar, faults.flipBit(0))
      const cut = await stage.nar()
      expect(cut.end).toBe('cut')
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      const rest = await stage.nar({ headers: [`Range: bytes=${cut.body.length}-`] })
      expect(rest.status).toBe(404)
    },
  )

  faultTest(
    'in a file smaller than the withheld tail is made up for in the same request',
    { upstreams: 2, totalBytes: 30_000, compression: 'none' },
    async (stage) => {
      await stage.narinfo()
      stage.upstream.script(isNar, faults.flipBit(20_000))
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    },
  )

  faultTest(
    'costs the other readers of the same download nothing but their own request',
    { ...stageOptions, upstreams: 2 },
    async (stage) => {
      const { upstream } = stage
      await stage.narinfo()
      upstream.script(isNar, faults.flipBit(300_000))
      // oracle A holds each of them; whoever was cut gets the right file with the next request
      await Promise.all(Array.from({ length: 20 }, () => stage.nar()))
      expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      expect(upstream.count(isNar)).toBe(1)
    },
  )
})
