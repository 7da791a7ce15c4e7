import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../cli/run-command.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { lastingPort } from '../support/lasting-port.ts'
import { parseScrape } from '../support/prometheus.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A server that listens on two addresses, and the clients that have come to either. */
async function subject(maxClients: number) {
  const directory = await tempDir('addresses')
  const file = join(directory, 'narwhal.toml')
  const [one, two] = [await lastingPort(), await lastingPort()]
  const configure = (most: number) =>
    writeFile(
      file,
      `listen = ["127.0.0.1:${one}", "127.0.0.1:${two}"]\nlimits.max_clients = ${most}\n` +
        '[[upstream]]\nurl = "http://127.0.0.1:1"\nverify = "none"\n',
    )
  await configure(maxClients)
  const args = [main, 'serve', '--config', file, '--data-dir', join(directory, 'data')]
  const env = { PATH: process.env.PATH ?? '' }
  const narwhal = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const over = once(narwhal, 'close')
  atTestEnd(async () => {
    narwhal.kill('SIGKILL')
    await over
  })
  let said = ''
  for (const stream of [narwhal.stdout, narwhal.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  await expect.poll(() => said).toContain(`listens on http://127.0.0.1:${one} http://`)

  const clients: Socket[] = []
  let turnedAway = 0
  return {
    ...{ one, two, clients },
    /** Comes, and stays. @returns false when turned away */
    async comeTo(port: number): Promise<boolean> {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      atTestEnd(() => void socket.destroy())
      socket.write('GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n')
      const isLetIn = await new Promise<boolean>((resolve) => {
        socket.once('data', () => resolve(true)).once('close', () => resolve(false))
      })
      if (isLetIn) clients.push(socket.resume())
      else turnedAway += 1
      return isLetIn
    },
    /** Of all that were turned away, how many it has not counted. @returns undefined when turned away */
    async uncounted(port: number): Promise<number | undefined> {
      const scrape = await requestRaw(`http://127.0.0.1:${port}/metrics`).catch(() => undefined)
      const counted = scrape && parseScrape(scrape.body.toString())
      if (!counted) turnedAway += 1
      return counted && turnedAway - (counted.value('narwhal_shed_requests_total') ?? 0)
    },
    async reload(most: number): Promise<void> {
      await configure(most)
      narwhal.kill('SIGHUP')
      await expect.poll(() => said).toContain('reloaded the configuration: limits.max_clients')
    },
  }
}

test('limits.max_clients holds over all addresses together, and may be changed meanwhile', async () => {
  const { one, two, clients, comeTo, uncounted, reload } = await subject(2)
  expect([await comeTo(one), await comeTo(two)]).toEqual([true, true])
  expect([await comeTo(one), await comeTo(two)]).toEqual([false, false])
  clients[0]?.destroy()
  await expect.poll(() => comeTo(two)).toBe(true)
  expect(await comeTo(one)).toBe(false)
  await reload(3)
  // One address may have them all.
  await expect.poll(() => comeTo(two)).toBe(true)
  expect([await comeTo(one), await comeTo(two)]).toEqual([false, false])
  for (const client of clients) client.destroy()
  await expect.poll(() => uncounted(one)).toBe(0)
})
