import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { atTestEnd } from '../support/at-test-end.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { runCommand } from './run-command.ts'

async function subject() {
  const cache = await syntheticCache({ paths: 1, totalBytes: 10_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    env: { NARWHAL_LIMITS_PATIENCE: '100ms' },
  })
  return { upstream, narwhal, host: new URL(upstream.url).host }
}

test('tells people what a server does, one fact a line', async () => {
  const { narwhal, host } = await subject()
  await requestRaw(`${narwhal.url}/${'0'.repeat(32)}.narinfo`)
  const { code, stdout, stderr } = await runCommand(['status', '--url', `${narwhal.url}/`])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^narwhal +0\.1\.0, up \d+s$/m)
  expect(stdout).toMatch(/^state +ready$/m)
  expect(stdout).toMatch(/^narinfo +1 negative$/m)
  expect(stdout).toMatch(new RegExp(`^upstream +${host} up: 1 requests, 0 failed`, 'm'))
  expect(stdout).toMatch(/^ahead +none$/m)
  expect(stdout).toMatch(/^recompress +(on|off): \S/m)
  expect(stdout).not.toContain('\u001b')
})

test('--json gives the same as the server does', async () => {
  const { narwhal, host } = await subject()
  const { code, stdout } = await runCommand(['status', '--url', narwhal.url, '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ state: 'ready', upstreams: [{ name: host }] })
})

test('a server that is degraded is told of, and the exit code is 1', async () => {
  const { narwhal, upstream, host } = await subject()
  await upstream.down()
  const clients = [1, 2, 3].map((digit) =>
    requestRaw(`${narwhal.url}/${String(digit).repeat(32)}.narinfo`),
  )
  await expect
    .poll(async () => (await requestRaw(`${narwhal.url}/readyz`)).body.toString(), {
      timeout: 20_000,
    })
    .toContain('degraded')
  const { code, stdout } = await runCommand(['status', '--url', narwhal.url])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^state +degraded$/m)
  expect(stdout).toMatch(/^ +no upstream answers; only what is cached is served$/m)
  expect(stdout).toMatch(new RegExp(`^upstream +${host} down: `, 'm'))
  await Promise.all(clients)
})

test('where nothing listens, or something else, the exit code is 3, with a hint', async () => {
  const other = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1')
  atTestEnd(async () => void other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as AddressInfo
  for (const [url, what] of [
    ['http://127.0.0.1:1', 'cannot reach http://127.0.0.1:1: '],
    [`http://127.0.0.1:${port}`, 'is no narwhal'],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(['status', '--url', url])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(what)
    expect(stderr).toContain('hint: ')
  }
  expect((await runCommand(['status', '--url', 'here'])).code).toBe(2)
})
