import { expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { restartSupervised, supervisor } from '../support/supervised.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'

const clients = 20
const restarts = 3

testWith(['perl'])(
  `${restarts} restarts behind an inherited socket: none of ${clients} clients is refused or failed`,
  { timeout: 180_000 },
  async () => {
    const cache = await syntheticCache({ paths: 20, totalBytes: 4_000_000 })
    const upstream = await startFakeUpstream(cache.directory)
    upstream.delayMs = 5
    const narwhal = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      wrapper: supervisor,
    })
    const files = new Map<string, Buffer>()
    for (const info of cache.infos) files.set(info.url, await cache.bytesOf(info))

    let isOver = false
    const wrong: string[] = []
    let right = 0
    async function client(number: number): Promise<void> {
      for (let turn = number; !isOver; turn += 1) {
        const info = cache.infos[turn % cache.infos.length] as NarInfo
        const narinfo = requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
        const nar = await narinfo.then(() => requestRaw(`${narwhal.url}/${info.url}`)).catch(String)
        const truth = files.get(info.url)
        if (typeof nar === 'string' || (await narinfo).status !== 200) wrong.push(String(nar))
        else if (nar.end !== 'clean' || !truth?.equals(nar.body)) wrong.push(`${nar.status}`)
        else right += 1
      }
    }
    const running = Array.from({ length: clients }, (_, number) => client(number))
    for (let count = 0; count < restarts; count += 1) {
      const before = right
      await restartSupervised(narwhal)
      await expect.poll(() => right).toBeGreaterThan(before + clients)
    }
    isOver = true
    await Promise.all(running)
    expect(wrong).toEqual([])
    // all on the one socket, which is not the address narwhal was told to listen on
    const addresses = new Set(narwhal.stdout.match(/http:\/\/\S+/g))
    expect([...addresses]).toEqual([`http://127.0.0.1:${narwhal.port}`])
    expect(narwhal.stderr.match(/^ended with 0$/gm)).toHaveLength(restarts)
  },
)

testWith(['perl'])('sockets meant for another process are left alone', async () => {
  const narwhal = await startNarwhal({
    upstreams: [],
    trustedKeys: [],
    env: { LISTEN_FDS: '1', LISTEN_PID: '1' },
  })
  expect((await requestRaw(`${narwhal.url}/nix-cache-info`)).status).toBe(200)
})
