import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Fault } from '../support/fake-upstream.ts'
import { faultStage } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 25)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
/** Enough paths that a run seldom meets what an earlier one has cached or put into quarantine. */
const paths = 40

/** One thing an upstream may do to the body it sends. */
type Word =
  | { readonly kind: 'cut'; readonly at: number; readonly end: 'fin' | 'reset' }
  | { readonly kind: 'flip' | 'pause'; readonly at: number }
  | { readonly kind: 'chunked'; readonly last: boolean }
  | { readonly kind: 'length'; readonly by: number }
  | { readonly kind: 'range'; readonly by: number }
  | { readonly kind: 'status'; readonly code: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }

/** A share of the file, in thousandths. */
const place = fc.integer({ min: 0, max: 1000 })

const word: fc.Arbitrary<Word> = fc.oneof(
  fc.record({
    kind: fc.constant('cut' as const),
    at: place,
    end: fc.constantFrom('fin' as const, 'reset' as const),
  }),
  fc.record({ kind: fc.constantFrom('flip' as const, 'pause' as const), at: place }),
  fc.record({ kind: fc.constant('chunked' as const), last: fc.boolean() }),
  fc.record({ kind: fc.constant('length' as const), by: fc.integer({ min: -999, max: 999 }) }),
  fc.record({ kind: fc.constant('range' as const), by: fc.integer({ min: -9, max: 9 }) }),
  fc.record({
    kind: fc.constant('status' as const),
    code: fc.constantFrom(200, 204, 206, 304, 400, 401, 403, 404, 416, 429, 500, 502, 503),
  }),
  fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 200 }) }),
)

/** What each answer of one upstream for one file is spoilt with, first to last; honest afterwards. */
const script = fc.array(fc.array(word, { maxLength: 3 }), { maxLength: 4 })

const client = fc.record({
  /** thousandths of the file at which its range begins; none for the whole */
  from: fc.option(place, { nil: undefined, freq: 2 }),
  startsAfterMs: fc.integer({ min: 0, max: 20 }),
})

function faultOf(spoken: Word, size: number): Fault {
  const at = 'at' in spoken ? Math.floor((spoken.at * size) / 1000) : 0
  switch (spoken.kind) {
    case 'cut':
      return faults.truncateAt(at, spoken.end)
    case 'flip':
      return faults.flipBit(Math.min(at, size - 1))
    case 'pause':
      return faults.pauseAfter(at, wait(30))
    case 'chunked':
      return faults.chunked({ last: spoken.last })
    case 'length':
      return changedLength(spoken.by)
    case 'range':
      return faults.header('Content-Range', `bytes ${spoken.by}-${size - 1}/${size}`)
    case 'status':
      return (answer) => ({ ...answer, status: spoken.code })
    case 'bytes':
      return faults.raw(spoken.bytes)
  }
}

/** A Content-Length that is wrong by so many bytes, and the end of the connection behind it. */
function changedLength(by: number): Fault {
  return async (answer, request) => {
    const honest = Number(answer.headers.find(([name]) => name === 'Content-Length')?.[1] ?? 0)
    const length = faults.header('Content-Length', String(Math.max(0, honest + by)))
    return { ...(await length(answer, request)), end: 'fin' }
  }
}

test(`upstreams that send anything, clients that ask for anything: seed ${seed}, ${runs} runs`, {
  timeout: 60_000 + runs * 5_000,
}, async () => {
  const stage = await faultStage({
    ...{ paths, totalBytes: paths * 200_000, upstreams: 2, compression: 'none' },
    audit: { maxPartials: paths },
  })
  const { cache, upstreams } = stage
  const asks = fc.array(client, { minLength: 1, maxLength: 5 })
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: paths - 1 }),
    fc.tuple(script, script),
    asks,
    async (which, scripts, clients) => {
      const info = cache.infos[which] as (typeof cache.infos)[number]
      const size = info.fileSize ?? 0
      const spoilt = upstreams.map((upstream, at) => {
        let turn = 0
        return upstream.script(`/${info.url}`, async (answer, request) => {
          let spoken = answer
          for (const each of scripts[at]?.[turn++] ?? [])
            spoken = await faultOf(each, size)(spoken, request)
          return spoken
        })
      })
      // every answer goes through oracle A
      await Promise.all(
        clients.map(async ({ from, startsAfterMs }) => {
          await wait(startsAfterMs)
          const offset = from === undefined ? undefined : Math.floor((from * size) / 1000)
          const headers = offset === undefined ? [] : [`Range: bytes=${offset}-`]
          await stage.get(`/${info.url}`, { headers })
        }),
      )
      for (const each of spoilt) each.stop()
    },
  )
  await fc.assert(property, { numRuns: runs, seed, endOnFailure: true })
  // the faults have stopped: what nobody sent damaged must be there again
  const honest = cache.infos.at(-1)
  await expect.poll(async () => (await stage.narinfo(honest)).status).toBe(200)
  await stage.expectOracles()
})
