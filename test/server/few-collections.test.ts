import { expect } from 'vitest'
import type { StatusReport } from '../../src/server/status-report.ts'
import { MiB } from '../../src/units.ts'
import { faultTest } from '../support/fault-stage.ts'
import { requestRaw } from '../support/raw-http.ts'

/** Counts in the server how often V8 collects the whole heap, and tells with SIGUSR2. */
const counter = `
  import { constants, PerformanceObserver } from 'node:perf_hooks'
  import { isMainThread } from 'node:worker_threads'
  let collections = 0
  const isMajor = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
  const count = (list) => (collections += list.getEntries().filter(isMajor).length)
  if (isMainThread) {
    new PerformanceObserver(count).observe({ entryTypes: ['gc'] })
    process.on('SIGUSR2', () => process.stderr.write('collections: ' + collections + '\\n'))
  }`
const load = `--import=data:text/javascript,${encodeURIComponent(counter)}`

faultTest(
  'V8 does not collect the whole heap for every few megabytes that are packed anew',
  {
    ...{ paths: 24, totalBytes: 100 * MiB, compression: 'none' },
    env: {
      NARWHAL_RECOMPRESS_ENABLED: 'true',
      NODE_OPTIONS: `--max-semi-space-size=4 ${load}`,
    },
  },
  async ({ narwhal, cache, get, narinfo }) => {
    let asked = 0
    const collections = async () => {
      narwhal.signal('SIGUSR2')
      asked += 1
      await narwhal.logged(new RegExp(`(collections: \\d+\\n.*){${asked}}`, 's'))
      return Number(narwhal.stderr.match(/(?<=collections: )\d+/g)?.at(-1))
    }
    const packed = async () => {
      const { body } = await requestRaw(`${narwhal.url}/api/v1/status`)
      return (JSON.parse(body.toString()) as StatusReport).recompress.done
    }

    const before = await collections()
    await Promise.all(cache.infos.map((info) => get(`/${info.url}`)))
    await Promise.all(cache.infos.map((info) => narinfo(info)))
    await expect.poll(packed, { timeout: 120_000 }).toBe(cache.infos.length)
    // V8 counts what lies in buffers against a small heap: once it was 15 times.
    expect((await collections()) - before).toBeLessThan(8)
  },
)
