import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MiB } from '../../src/units.ts'
import { largeEntry, largeNarBytes, makeLargeDataDir } from '../support/large-data-dir.ts'
import { startNarwhal } from '../support/narwhal-process.ts'

const entries = process.env.LONG === '1' ? 1_000_000 : 20_000
const timeout = 60_000 + entries
/** Threads that read cache/; the index itself takes no more memory for more entries. */
const maxGrowth = 96 * MiB

test(
  `D11 ${entries} entries: it listens and serves at once, also without an index and after a crash`,
  async () => {
    // On a disk: a million files in memory are too many.
    const dataDir = await mkdtemp(join(tmpdir(), 'narwhal-large-'))
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }), timeout)
    makeLargeDataDir(dataDir, entries)
    const began = performance.now()
    const say = (what: string) =>
      console.log(
        `D11 ${entries} entries: ${what} after ${Math.round(performance.now() - began)} ms`,
      )
    const server = await startNarwhal({
      upstreams: ['http://127.0.0.1:9'],
      trustedKeys: [],
      dataDir,
      // It would take the processor that the rebuild is measured on.
      env: { NARWHAL_RECOMPRESS_ENABLED: 'false' },
    })
    say('listening without an index')
    const baseline = await server.rssBytes()
    let peak = baseline
    const grown = async () => {
      peak = Math.max(peak, await server.rssBytes())
      return peak - baseline
    }
    const nar = async (at: number) => {
      const entry = largeEntry(at)
      const response = await fetch(`${server.url}/${entry.nar}`)
      expect(response.status).toBe(200)
      expect(Buffer.from(await response.arrayBuffer()).equals(entry.bytes)).toBe(true)
    }
    // The last ones made are nowhere near the first the rebuild reads.
    await nar(entries - 1)
    await nar(entries >> 1)
    const isRebuilt = async () => {
      await grown()
      return /brought the index in step/.test(server.stderr)
    }
    await expect.poll(isRebuilt, { timeout, interval: 200 }).toBe(true)
    say(`index rebuilt, with ${Math.round((await grown()) / MiB)} MiB more memory,`)
    const cacheState = async () => {
      const response = await fetch(`${server.url}/api/v1/status`)
      const { cache } = (await response.json()) as { cache: Record<string, unknown> }
      return cache
    }
    expect((await cacheState()).bytes).toBe(largeNarBytes * entries)
    expect(await grown()).toBeLessThan(maxGrowth)

    await server.kill()
    const again = performance.now()
    await server.restart()
    say(`listening after kill -9 in ${Math.round(performance.now() - again)} ms,`)
    await nar(0)
    await expect
      .poll(cacheState, { timeout, interval: 200 })
      .toMatchObject({ indexIsComplete: true })
    say(`in step after kill -9 in ${Math.round(performance.now() - again)} ms,`)
    expect((await cacheState()).bytes).toBe(largeNarBytes * entries)
    expect(await grown()).toBeLessThan(maxGrowth)
  },
  2 * timeout,
)
