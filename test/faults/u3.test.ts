import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Fault } from '../support/fake-upstream.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isNar = /^\/nar\//
const half = 250_000

const breaks: Readonly<Record<string, readonly Fault[]>> = {
  'a Content-Length too short': [faults.header('Content-Length', '1000')],
  'a Content-Length too long': [
    faults.header('Content-Length', '900000'),
    faults.truncateAt(900_000),
  ],
  'two Content-Lengths': [faults.header('Content-Length', '1000', '2000'), faults.truncateAt(half)],
  'a reset in the middle': [faults.truncateAt(half, 'reset')],
  'an early FIN': [faults.truncateAt(half)],
  'a FIN before the first byte of the body': [faults.cutAfter(0)],
  'chunks without an end': [faults.chunked({ last: false }), faults.truncateAt(half)],
  'a body that only the connection ends, too early': [
    faults.closeDelimited(),
    faults.truncateAt(half),
  ],
  'an empty 200': [faults.body('')],
  'half a head': [faults.raw('HTTP/1.1 200 OK\r\nContent-Le')],
  'no HTTP at all': [faults.raw('SSH-2.0-OpenSSH_9.2\r\n')],
}

describe('U3: a body with a broken frame', () => {
  for (const [name, spoilt] of Object.entries(breaks)) {
    faultTest(`${name}, each time: never a whole file, never kept`, {}, async (stage) => {
      const { upstream, narwhal } = stage
      await stage.narinfo()
      upstream.script(isNar, spoilt)
      const response = await stage.nar()
      expect(response.status === 200 && response.end === 'clean').toBe(false)
      expect(await readdir(join(narwhal.dataDir, 'cache', 'nar'))).toEqual([])
    })

    faultTest(
      `${name}, from one of two: the other makes up for it`,
      { upstreams: 2 },
      async (stage) => {
        const { upstream, other } = stage
        await stage.narinfo()
        upstream.script(isNar, spoilt)
        const response = await stage.nar()
        expect(response).toMatchObject({ status: 200, end: 'clean' })
        expect(other.count(isNar)).toBe(1)
      },
    )
  }

  const portal = [faults.body('<html>Please log in</html>')]
  const other = [faults.body(Buffer.alloc(1000))]

  for (const [name, wrong] of Object.entries({
    'a captive portal': portal,
    'another file': other,
  })) {
    faultTest(
      `${name} answers at once, and who has it takes three seconds to begin: it is waited for`,
      { upstreams: 2 },
      async (stage) => {
        await stage.narinfo()
        stage.upstream.script(isNar, faults.waitFor(wait(3_000)))
        stage.other.script(isNar, wrong)
        expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
      },
    )

    faultTest(
      `${name} answers, and who has it breaks off once: it is asked again`,
      { upstreams: 2, patience: '10s' },
      async (stage) => {
        await stage.narinfo()
        stage.upstream.script(isNar, faults.cutAfter(0, 'reset'), { times: 1 })
        stage.other.script(isNar, wrong)
        expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
        expect(stage.other.count(isNar)).toBeLessThanOrEqual(1)
      },
    )
  }

  faultTest('broken off once, it is resumed at the same byte, unseen', {}, async (stage) => {
    const { upstream } = stage
    await stage.narinfo()
    upstream.script(isNar, faults.cutAfter(half, 'reset'), { times: 1 })
    expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
    const ranges = upstream.requests.flatMap(({ headers }) =>
      headers.filter(([key]) => key === 'range').map(([, value]) => value),
    )
    expect(ranges).toHaveLength(1)
    expect(ranges[0]).toMatch(/^bytes=[1-9]\d*-$/)
  })

  // no narinfo was asked for, so nobody but the upstream can say how long the file is
  const twoLengths = [faults.header('Content-Length', '400000'), faults.truncateAt(half)]

  for (const range of ['bytes=0-', 'bytes=-1000', 'bytes=450000-', undefined]) {
    faultTest(
      `two lengths for a file known by its name alone: neither is mixed with the other (${range})`,
      { upstreams: 2 },
      async (stage) => {
        stage.upstream.script(isNar, twoLengths, { times: 1 })
        // oracle A: whoever was told the wrong length is cut off
        await stage.nar({ headers: range === undefined ? [] : [`Range: ${range}`] })
        await expect.poll(async () => (await stage.nar()).end).toBe('clean')
      },
    )
  }
})
