import { describe, expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import type { AskOptions } from '../../src/nix/source.ts'
import { silentLog } from '../../src/telemetry.ts'
import { guarded } from '../../src/upstream/guarded.ts'
import { httpUpstream } from '../../src/upstream/http.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { body, cutAfter, silence, status } from '../support/faults.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const never = new AbortController().signal

async function subject() {
  const cache = await syntheticCache({ paths: 1, totalBytes: 20_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const http = httpUpstream({ name: 'up', url: upstream.url, maxConnections: 4 })
  const source = guarded(http, { log: silentLog, now: () => performance.now() })
  const info = cache.infos[0] as NarInfo
  const ask = (options?: AskOptions) => source.narinfo(info.storePath.hash, never, options)
  return { upstream, source, info, ask: () => ask(), askAhead: () => ask({ isPrefetch: true }) }
}

const narinfo = /narinfo$/

describe('a guarded upstream', () => {
  test('is asked a second time after one fault, and the caller sees none', async () => {
    const { upstream, source, ask } = await subject()
    upstream.script(narinfo, status(500), { times: 1 })
    expect(await ask()).toBeDefined()
    expect(upstream.count(narinfo)).toBe(2)
    await source.close()
  })

  test('is asked no more once it is away, until a probe finds it back', async () => {
    const { upstream, source, ask } = await subject()
    const trouble = upstream.script(/./, status(502))
    await expect(ask()).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' })
    await expect(ask()).rejects.toThrow()
    expect(source.awaySince).toBeDefined()
    const asked = upstream.count(narinfo)
    expect(asked).toBe(3)
    for (let at = 0; at < 20; at += 1) await expect(ask()).rejects.toThrow(/away/)
    expect(upstream.count(narinfo)).toBe(asked)
    trouble.stop()
    await expect.poll(() => source.awaySince).toBeUndefined()
    expect(upstream.count('/nix-cache-info')).toBeGreaterThan(0)
    expect(await ask()).toBeDefined()
    await source.close()
  })

  test('that is missing something, or has one thing wrong, is not away', async () => {
    const { upstream, source, ask } = await subject()
    const missing = upstream.script(narinfo, status(404))
    for (let at = 0; at < 5; at += 1) expect(await ask()).toBeUndefined()
    missing.stop()
    upstream.script(narinfo, body('nonsense'))
    for (let at = 0; at < 5; at += 1) await expect(ask()).rejects.toThrow()
    expect(source.awaySince).toBeUndefined()
    await source.close()
  })

  test('that asks for patience is left alone at once', async () => {
    const { upstream, source, ask } = await subject()
    upstream.script(narinfo, status(429, ['Retry-After', '30']))
    await expect(ask()).rejects.toMatchObject({ code: 'UPSTREAM_BUSY' })
    await expect(ask()).rejects.toThrow(/away/)
    expect(upstream.count(narinfo)).toBe(1)
    await source.close()
  })

  test('is not away for faults of what no client waits for, and is not asked again for it', async () => {
    const { upstream, source, info, askAhead } = await subject()
    const trouble = upstream.script(/./, status(502))
    for (let at = 0; at < 5; at += 1) await expect(askAhead()).rejects.toThrow()
    expect(upstream.count()).toBe(5)
    trouble.stop()
    upstream.script(/nar\//, cutAfter(10))
    for (let at = 0; at < 5; at += 1) {
      const body = await source.nar({ url: info.url, offset: 0 }, never, { isPrefetch: true })
      const read = async () => {
        for await (const chunk of body?.chunks ?? []) expect(chunk).toBeDefined()
      }
      await expect(read()).rejects.toMatchObject({ code: 'UPSTREAM_CUT_SHORT' })
    }
    expect(source.awaySince).toBeUndefined()
    upstream.script(narinfo, status(429, ['Retry-After', '30']))
    await expect(askAhead()).rejects.toMatchObject({ code: 'UPSTREAM_BUSY' })
    expect(source.awaySince).toBeDefined()
    await source.close()
  })

  test('is found to be away by questions that are answered elsewhere, of which few run on', async () => {
    const { upstream, source } = await subject()
    upstream.script(/./, silence())
    const leave = new AbortController()
    const asked = Array.from({ length: 8 }, (_, at) =>
      source.narinfo(`${at}`.repeat(32) as never, leave.signal),
    )
    await expect.poll(() => upstream.busy).toBe(4)
    leave.abort()
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected')
    await expect.poll(() => upstream.busy).toBe(3)
    await expect.poll(() => source.awaySince).toBeDefined()
    await expect.poll(() => upstream.busy).toBe(0)
    await source.close()
  })

  test('stops asking on when it is closed', async () => {
    const { upstream, source } = await subject()
    upstream.script(/./, silence())
    const leave = new AbortController()
    const asked = source.narinfo('0'.repeat(32) as never, leave.signal)
    await expect.poll(() => upstream.busy).toBe(1)
    leave.abort()
    await expect(asked).rejects.toThrow()
    expect(upstream.busy).toBe(1)
    await source.close()
    await expect.poll(() => upstream.busy).toBe(0)
  })

  test('does not count what its callers gave up', async () => {
    const { source } = await subject()
    const gone = new AbortController()
    gone.abort()
    const hash = '0'.repeat(32)
    for (let at = 0; at < 5; at += 1)
      await expect(source.narinfo(hash as never, gone.signal)).rejects.toThrow()
    expect(source.awaySince).toBeUndefined()
    await source.close()
  })
})
