import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { startNotifyReceiver } from '../support/notify-receiver.ts'
import { runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

vi.setConfig({ testTimeout: 300_000 })

testWith(['strace', 'systemd-analyze', 'perl'])(
  'telling systemd, fetching and packing anew ask the kernel for nothing that the unit forbids',
  async () => {
    const cache = await syntheticCache({ paths: 3, compression: 'none' })
    const upstream = await startFakeUpstream(cache.directory)
    const receiver = await startNotifyReceiver()
    const trace = join(await tempDir('trace'), 'calls')
    const narwhal = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [cache.publicKey],
      wrapper: ['strace', '-f', '-qq', '-o', trace],
      env: { NOTIFY_SOCKET: receiver.path, NARWHAL_RECOMPRESS_ENABLED: 'true' },
    })
    for (const info of cache.infos) {
      await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
      await requestRaw(`${narwhal.url}/${info.url}`)
    }
    const packed = async () => {
      const { body } = await requestRaw(`${narwhal.url}/api/v1/status`)
      return (JSON.parse(body.toString()) as { recompress: { done: number } }).recompress.done
    }
    await expect.poll(packed, { timeout: 150_000 }).toBe(cache.infos.length)
    await narwhal.stop()
    expect(receiver.messages()).toContain('READY=1')

    const allowed = await systemService()
    const asked = new Set(
      [...(await readFile(trace, 'utf8')).matchAll(/^\d+ +(\w+)\(/gm)].map((m) => m[1]),
    )
    expect(asked.size).toBeGreaterThan(30)
    expect([...asked].filter((name) => !allowed.has(name ?? ''))).toEqual([])
  },
)

/** The calls of @system-service: groups name other groups. */
async function systemService(): Promise<ReadonlySet<string>> {
  const { stdout } = await runProgram('systemd-analyze', ['syscall-filter', '--no-pager'], {
    env: { PATH: process.env.PATH ?? '' },
  })
  const groups = new Map<string, string[]>()
  let current: string[] = []
  for (const line of stdout.split('\n')) {
    if (line.startsWith('@')) {
      current = []
      groups.set(line.trim(), current)
    } else if (/^\s+[@\w]/.test(line)) current.push(line.trim())
  }
  const expand = (name: string): string[] =>
    name.startsWith('@') ? (groups.get(name) ?? []).flatMap(expand) : [name]
  const calls = expand('@system-service')
  expect(calls.length).toBeGreaterThan(200)
  return new Set(calls)
}
