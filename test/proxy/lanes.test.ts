import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/cli/demo/random.ts'
import { laneBytes, maxLanes } from '../../src/policy/lanes.ts'
import { Lanes } from '../../src/proxy/lanes.ts'
import { widened } from '../../src/proxy/lanes-widened.ts'
import { silentLog } from '../../src/telemetry.ts'
import { MiB } from '../../src/units.ts'
import { guarded } from '../../src/upstream/guarded.ts'
import { httpUpstream } from '../../src/upstream/http.ts'
import type { Answer } from '../support/answer.ts'
import { type Fault, startFakeUpstream, type UpstreamRequest } from '../support/fake-upstream.ts'
import * as faults from '../support/faults.ts'
import { headerOf } from '../support/http-head.ts'
import { tempDir } from '../support/temp-dir.ts'
import { ownTrickle, sharedTrickle } from '../support/trickle.ts'

const name = 'nar/large.nar'
const hourMs = 3_600_000

const rangeOf = ({ headers }: UpstreamRequest) => headerOf(headers, 'range')
const isRanged = (request: UpstreamRequest) => /^bytes=\d+-\d+$/.test(rangeOf(request) ?? '')
const isPlain = (request: UpstreamRequest) => !isRanged(request)

/** A large file behind an upstream, and what fetches it. */
async function subject(sizeBytes = 56 * MiB, maxConnections = 16) {
  const root = await tempDir('large')
  const bytes = seededRandom('large').bytes(sizeBytes)
  await mkdir(join(root, 'nar'))
  await writeFile(join(root, name), bytes)
  const upstream = await startFakeUpstream(root)
  const http = httpUpstream({ name: 'up', url: upstream.url, maxConnections })
  const source = guarded(http, { log: silentLog, now: () => performance.now() })
  let now = 0
  const lanes = new Lanes(() => now)
  async function fetch({ isAhead = false, onChunk = async (_received: number) => {} } = {}) {
    const abort = new AbortController()
    const body = await source.nar({ url: name, offset: 0 }, abort.signal)
    if (!body) throw new Error('not there')
    const options = { source, url: name, from: 0, lanes, log: silentLog, signal: abort.signal }
    const chunks: Uint8Array[] = []
    let received = 0
    try {
      for await (const chunk of widened(body, { ...options, readers: () => Number(!isAhead) })) {
        chunks.push(chunk)
        received += chunk.length
        await onChunk(received)
      }
    } finally {
      abort.abort()
    }
    return Buffer.concat(chunks)
  }
  const pass = (ms: number) => {
    now += ms
  }
  return { bytes, upstream, source, lanes, fetch, pass }
}

/** Counts how many of the ranges are on their way at the same time, until their last byte. */
function watched(counts: { now: number; most: number }): Fault {
  return (answer, request) => {
    if (!isRanged(request)) return answer
    counts.now += 1
    counts.most = Math.max(counts.most, counts.now)
    return { ...answer, body: untilLastByte(answer, () => (counts.now -= 1)) }
  }
}

async function* untilLastByte({ headers, body }: Answer, onLastByte: () => void) {
  let left = Number(headerOf(headers, 'content-length'))
  for await (const chunk of body) {
    left -= chunk.length
    if (left === 0) onLastByte()
    yield chunk
  }
}

describe('a large NAR from an upstream that gives each connection a part of its line', {
  timeout: 180_000,
}, () => {
  test('is fetched by several ranges at once, in order, after it has been measured', async () => {
    const { bytes, upstream, source, lanes, fetch } = await subject()
    const counts = { now: 0, most: 0 }
    upstream.script(/nar\//, [ownTrickle(), watched(counts)])
    expect((await fetch()).equals(bytes)).toBe(true)
    expect(upstream.count(isPlain)).toBe(1)
    expect(lanes.standing('up')).toBe('proven')
    expect(counts.most).toBeGreaterThanOrEqual(maxLanes - 1)
    expect(counts.most).toBeLessThanOrEqual(maxLanes)
    const firsts = upstream.requests
      .filter(isRanged)
      .map((request) => Number(/\d+/.exec(rangeOf(request) ?? '')))
    firsts.sort((one, other) => one - other)
    const [lowest = 0] = firsts
    expect(lowest).toBeGreaterThan(laneBytes)
    expect(firsts, 'each range once').toEqual(firsts.map((_, at) => lowest + at * laneBytes))
    await source.close()
  })

  test('and the next one begins so, for an hour', async () => {
    const { bytes, upstream, source, lanes, fetch, pass } = await subject()
    lanes.note('up', 'proven')
    expect((await fetch()).equals(bytes)).toBe(true)
    const [first] = upstream.requests.filter(isRanged)
    expect(first && rangeOf(first)).toBe(`bytes=${laneBytes}-${2 * laneBytes - 1}`)
    pass(hourMs)
    expect(lanes.standing('up')).toBe('untried')
    await source.close()
  })

  test('asks for the object it began with, by its ETag', async () => {
    const { upstream, source, lanes, fetch } = await subject()
    lanes.note('up', 'proven')
    await fetch()
    const etags = upstream.requests
      .filter(isRanged)
      .map(({ headers }) => headerOf(headers, 'if-range'))
    expect(etags.length).toBeGreaterThan(0)
    expect(new Set(etags).size).toBe(1)
    expect(etags[0]).toMatch(/^"/)
    await source.close()
  })

  test('is left on its connection while other downloads run from there', async () => {
    const { bytes, upstream, source, lanes, fetch } = await subject()
    upstream.script(/nar\//, ownTrickle())
    const leave = lanes.enter('up')
    expect((await fetch()).equals(bytes)).toBe(true)
    expect(upstream.count()).toBe(1)
    leave()
    await source.close()
  })

  test('is left on its connection where no client waits for it', async () => {
    const { upstream, source, lanes, fetch } = await subject()
    lanes.note('up', 'proven')
    await fetch({ isAhead: true })
    expect(upstream.count()).toBe(1)
    await source.close()
  })

  test('is left on its connection where few are allowed', async () => {
    const { upstream, source, lanes, fetch } = await subject(40 * MiB, 4)
    lanes.note('up', 'proven')
    await fetch()
    expect(upstream.count()).toBe(1)
    await source.close()
  })

  test('goes back to its connection when its trial is disturbed, until a minute has passed', async () => {
    const { bytes, upstream, source, lanes, fetch, pass } = await subject()
    upstream.script(/nar\//, ownTrickle())
    let hasOther = false
    const onChunk = async () => {
      if (hasOther || upstream.count(isRanged) < maxLanes) return
      hasOther = true
      lanes.enter('up')
    }
    expect((await fetch({ onChunk })).equals(bytes)).toBe(true)
    expect(upstream.requests.at(-1)).toSatisfy(isPlain)
    expect(lanes.standing('up')).toBe('refused')
    pass(60_000)
    expect(lanes.standing('up')).toBe('untried')
    await source.close()
  })

  test('no more than two have lanes at once', () => {
    const lanes = new Lanes(() => 0)
    for (const upstream of ['a', 'b', 'c']) {
      lanes.note(upstream, 'proven')
      lanes.enter(upstream)
    }
    expect(['a', 'b', 'c'].map((upstream) => lanes.take(upstream))).toEqual([true, true, false])
    lanes.release()
    expect(lanes.take('c')).toBe(true)
    lanes.release()
    for (let others = 0; others < 2; others += 1) lanes.enter('c')
    expect(lanes.take('c'), 'two others run from there').toBe(false)
  })

  test('waits where its reader pauses, and nothing is left when he leaves', async () => {
    const { upstream, source, lanes, fetch } = await subject()
    lanes.note('up', 'proven')
    let chunks = 0
    const gone = new Error('gone')
    const onChunk = async () => {
      chunks += 1
      if (chunks < 2) return
      await expect.poll(() => upstream.requests.filter(isRanged).length).toBe(maxLanes - 1)
      throw gone
    }
    await expect(fetch({ onChunk })).rejects.toBe(gone)
    await expect.poll(() => upstream.busy).toBe(0)
    expect(upstream.count(isRanged)).toBe(maxLanes - 1)
    expect(lanes.isAlone('up') && lanes.take('up') && lanes.take('up')).toBe(true)
    await source.close()
  })
})

describe('a large NAR from an upstream whose line is the limit', { timeout: 180_000 }, () => {
  test('goes back to one connection after a trial, and is not tried again for an hour', async () => {
    const { bytes, upstream, source, lanes, fetch, pass } = await subject(72 * MiB)
    upstream.script(/nar\//, sharedTrickle())
    expect((await fetch()).equals(bytes)).toBe(true)
    expect(lanes.standing('up')).toBe('refused')
    const ranged = upstream.requests.filter(isRanged)
    expect(ranged.length).toBeGreaterThanOrEqual(7)
    const last = upstream.requests.at(-1)
    expect(last && rangeOf(last)).toMatch(/^bytes=\d+-$/)
    upstream.forget()
    expect((await fetch()).equals(bytes)).toBe(true)
    expect(upstream.count()).toBe(1)
    pass(hourMs)
    expect(lanes.standing('up')).toBe('untried')
    await source.close()
  })
})

const wrongs: Readonly<Record<string, Fault | readonly Fault[]>> = {
  'a 200': (answer) => ({ ...answer, status: 200 }),
  'a 404': faults.status(404),
  'a 503 with Retry-After': faults.status(503, ['Retry-After', '60']),
  'another range': faults.header('Content-Range', 'bytes 5-1000/58720256'),
  'a range of another file': (answer) => faults.header('ETag', '"another"')(answer, {} as never),
  'a range that breaks off': faults.cutAfter(1_000_000),
  'a range that is reset': faults.cutAfter(1_000_000, 'reset'),
  'a range too short': faults.body('short'),
  'nothing but the end of the connection': faults.raw(''),
}

describe('a range that is answered with', { timeout: 180_000 }, () => {
  for (const [what, wrong] of Object.entries(wrongs))
    for (const at of [1, 5]) {
      test(`${what}, as number ${at}: one connection again, unseen, for an hour`, async () => {
        const { bytes, upstream, source, lanes, fetch } = await subject()
        lanes.note('up', 'proven')
        const isWrong = (request: UpstreamRequest) =>
          rangeOf(request) === `bytes=${at * laneBytes}-${(at + 1) * laneBytes - 1}`
        const script = upstream.script(isWrong, wrong)
        expect((await fetch()).equals(bytes)).toBe(true)
        expect(script.hits).toBe(1)
        expect(lanes.standing('up')).toBe('refused')
        expect(source.awaySince, 'its breaker knows nothing of it').toBeUndefined()
        await expect.poll(() => upstream.busy).toBe(0)
        upstream.forget()
        await fetch()
        expect(upstream.count()).toBe(1)
        await source.close()
      })
    }

  test('nothing, like the others: all have ended when one connection goes on', async () => {
    const { bytes, upstream, source, lanes, fetch } = await subject()
    lanes.note('up', 'proven')
    upstream.script(isRanged, faults.stallAfter(1000))
    const isFirst = (request: UpstreamRequest) =>
      rangeOf(request) === `bytes=${laneBytes}-${2 * laneBytes - 1}`
    upstream.script(isFirst, [])
    const isSecond = (request: UpstreamRequest) =>
      rangeOf(request) === `bytes=${2 * laneBytes}-${3 * laneBytes - 1}`
    const gate = Promise.withResolvers<void>()
    upstream.script(isSecond, [faults.cutAfter(1000), faults.pauseAfter(500, gate.promise)])
    const isResume = (request: UpstreamRequest) => /^bytes=\d+-$/.test(rangeOf(request) ?? '')
    const whenAlone: Fault = async (answer) => {
      await expect.poll(() => upstream.busy).toBe(1)
      return answer
    }
    const resume = upstream.script(isResume, whenAlone)
    const onChunk = async (received: number) => {
      // the connection it began with is let go by then
      if (received > laneBytes) gate.resolve()
    }
    expect((await fetch({ onChunk })).equals(bytes)).toBe(true)
    expect(resume.hits).toBe(1)
    await source.close()
  })

  test('a 200 to each, by a server that knows no ranges: the open connection goes on', async () => {
    const { bytes, upstream, source, lanes, fetch } = await subject()
    lanes.note('up', 'proven')
    const noRanges: Fault = (answer) => ({ ...answer, status: 200 })
    const late = Promise.withResolvers<void>()
    const isRange = (request: UpstreamRequest) => rangeOf(request) !== undefined
    upstream.script(isRange, [noRanges, faults.waitFor(late.promise)])
    const onChunk = async (received: number) => {
      if (received >= laneBytes) late.resolve()
    }
    expect((await fetch({ onChunk })).equals(bytes)).toBe(true)
    expect(upstream.count(isPlain)).toBe(1)
    expect(lanes.standing('up')).toBe('refused')
    await source.close()
  })
})
