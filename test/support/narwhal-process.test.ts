import { expect, test } from 'vitest'
import { startFakeUpstream } from './fake-upstream.ts'
import { startNarwhal } from './narwhal-process.ts'
import { requestRaw } from './raw-http.ts'
import { tempDir } from './temp-dir.ts'

const trustedKeys: string[] = []

test('prints one line, answers, and comes back on the same port with the same data', async () => {
  const upstream = await startFakeUpstream(await tempDir('upstream'))
  const narwhal = await startNarwhal({ upstreams: [upstream.url], trustedKeys })
  const { url, pid } = narwhal
  expect(narwhal.stdout).toBe(`narwhal listens on ${url}\n`)
  expect(await narwhal.rssBytes()).toBeGreaterThan(20e6)
  expect(await narwhal.openFiles()).toBeGreaterThan(5)
  await narwhal.restart()
  expect(narwhal.url).toBe(url)
  expect(narwhal.pid).not.toBe(pid)
  expect(await requestRaw(`${url}/nix-cache-info`)).toMatchObject({ status: 200, end: 'clean' })
  expect(await narwhal.stop()).toBe(0)
})

test('survives being killed', async () => {
  const upstream = await startFakeUpstream(await tempDir('upstream'))
  const narwhal = await startNarwhal({ upstreams: [upstream.url], trustedKeys })
  await narwhal.kill()
  await expect(requestRaw(`${narwhal.url}/nix-cache-info`)).rejects.toThrow(/ECONNREFUSED/)
  await narwhal.restart()
  expect(await requestRaw(`${narwhal.url}/nix-cache-info`)).toMatchObject({ status: 200 })
})

test('a server that cannot start is an error with its log', async () => {
  const starting = startNarwhal({ upstreams: [], trustedKeys: [], args: ['--listen', 'nowhere'] })
  await expect(starting).rejects.toThrow(/nowhere/)
})
