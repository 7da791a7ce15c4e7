import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { headEnd } from '../support/http-head.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const okLine = Buffer.from('HTTP/1.1 200')
const clients = 200
const narBytes = 200 * MiB
const mayGrowBytes = 150 * MiB

/** Reads one NAR and holds each byte against the right one as it comes. */
function readAgainst(port: number, path: string, right: Buffer): Promise<'right' | 'wrong'> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let head = Buffer.alloc(0)
    let isInHead = true
    let received = 0
    let isRight = true
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    socket.on('data', (data) => {
      let bytes = data
      if (isInHead) {
        head = Buffer.concat([head, data])
        const end = headEnd(head)
        if (end === undefined) return
        isRight = head.subarray(0, 12).equals(okLine)
        bytes = head.subarray(end)
        isInHead = false
      }
      const here = right.subarray(received, received + bytes.length)
      isRight &&= here.equals(bytes)
      received += bytes.length
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(isRight && received === right.length ? 'right' : 'wrong'))
  })
}

test(`${clients} clients want one cold NAR of 200 MB: one fetch, all bodies right, bounded memory`, {
  timeout: 300_000,
}, async () => {
  const cache = await syntheticCache({ paths: 1, totalBytes: narBytes, compression: 'none' })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
  })
  const info = cache.infos[0] as NarInfo
  const bytes = await cache.bytesOf(info)
  expect(bytes.length).toBeGreaterThanOrEqual(narBytes)
  await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
  const idleBytes = await narwhal.rssBytes()
  let peakBytes = idleBytes
  const watch = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await narwhal.rssBytes())
  }, 200)

  const reading = Array.from({ length: clients }, () =>
    readAgainst(narwhal.port, `/${info.url}`, bytes),
  )
  const verdicts = await Promise.all(reading)
  clearInterval(watch)

  expect(verdicts.filter((verdict) => verdict !== 'right')).toEqual([])
  expect(upstream.count(/^\/nar\//)).toBe(1)
  console.info(
    `RSS ${Math.round(idleBytes / MiB)} MiB idle, ${Math.round(peakBytes / MiB)} at peak`,
  )
  expect(peakBytes - idleBytes).toBeLessThan(mayGrowBytes)
})
