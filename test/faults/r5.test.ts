import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { atTestEnd } from '../support/at-test-end.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { lastingPort } from '../support/lasting-port.ts'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'

const requests = 100_000
const connections = 10
const letters = '0123456789abcdfghijklmnpqrsvwxyz'

function storeHash(number: number): string {
  let text = ''
  for (let rest = number; text.length < 32; rest = Math.floor(rest / 32)) {
    text = letters[rest % 32] + text
  }
  return text
}

/** Sends these requests one after the other on one connection; @returns the statuses that came. */
function pipeline(port: number, paths: readonly string[]): Promise<Map<string, number>> {
  return new Promise((resolve, reject) => {
    const statuses = new Map<string, number>()
    const socket = connect(port, '127.0.0.1')
    let answered = 0
    let rest = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      rest += text
      const heads = [...rest.matchAll(/HTTP\/1\.1 (\d{3})/g)]
      for (const [, status = ''] of heads) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      answered += heads.length
      rest = rest.slice(-12).replace(/.*HTTP\/1\.1 \d{3}/s, '')
      if (answered === paths.length) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(statuses))
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
  })
}

/** Requests that each give reason for complaint: no upstream answers. */
async function sendBad(narwhal: NarwhalProcess, count: number): Promise<Map<string, number>> {
  const all = new Map<string, number>()
  const share = count / connections
  const sent = Array.from({ length: connections }, (_, at) =>
    pipeline(
      narwhal.port,
      Array.from({ length: share }, (_, i) => `/${storeHash(at * share + i)}.narinfo`),
    ),
  )
  for (const statuses of await Promise.all(sent))
    for (const [status, times] of statuses) all.set(status, (all.get(status) ?? 0) + times)
  return all
}

const impatient = { NARWHAL_LIMITS_PATIENCE: '0s' }

async function serverWithoutUpstream(wrapper: readonly string[] = []): Promise<NarwhalProcess> {
  const upstream = await startFakeUpstream(await tempDir('empty'))
  const { url } = upstream
  await upstream.down()
  return startNarwhal({ upstreams: [url], trustedKeys: [], env: impatient, wrapper })
}

test(`R5: ${requests} bad requests make a log of a few lines`, { timeout: 240_000 }, async () => {
  const narwhal = await serverWithoutUpstream()
  const statuses = await sendBad(narwhal, requests)
  expect(statuses).toEqual(new Map([['503', requests]]))
  expect(await narwhal.stop()).toBe(0)
  const lines = narwhal.stderr.trim().split('\n')
  expect(lines.length).toBeLessThan(2000)
  // nothing is lost without a word: what was written and what was left out make all of it
  const complaints = lines
    .map((line) => JSON.parse(line))
    .filter(({ code }) => code === 'NO_ANSWER')
  const suppressed = lines
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => /^suppressed \d+ more lines such as: no upstream could be asked/.test(msg))
  const left = suppressed.reduce((sum, line) => sum + line.suppressed, 0)
  expect(complaints.length + left).toBe(requests)
})

test('R5: who listened to stdout and stderr is gone: it serves on', async () => {
  const cache = await syntheticCache({ paths: 1 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    env: { ...impatient, NARWHAL_LOG_LEVEL: 'debug' },
  })
  narwhal.hangUp()
  await upstream.down()
  await sendBad(narwhal, 100)
  await upstream.up()
  narwhal.signal('SIGHUP')
  await expect.poll(async () => (await requestRaw(`${narwhal.url}/`)).status).toBe(200)
  expect(await narwhal.stop()).toBe(0)
})

// 'text' is written by other code than 'json'
for (const format of ['json', 'text']) {
  testWith(['mkfifo'])(
    `R5: a pipe nobody reads blocks neither answers nor the exit (${format})`,
    async () => {
      const pipe = join(await tempDir('pipe'), 'stderr')
      await runProgram('mkfifo', [pipe], { env: { PATH: process.env.PATH ?? '' } })
      fill(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK))
      const narwhal = await serverWithoutUpstream([
        ...['env', `NARWHAL_LOG_FORMAT=${format}`],
        ...['sh', '-c', 'exec "$@" 2>"$0"', pipe],
      ])
      expect(await sendBad(narwhal, 1000)).toEqual(new Map([['503', 1000]]))
      expect(await narwhal.stop()).toBe(0)
    },
  )
}

test('R5: a log on a full disk costs the log alone', async () => {
  const narwhal = await serverWithoutUpstream(['sh', '-c', 'exec "$@" 2>/dev/full', 'sh'])
  expect(await sendBad(narwhal, 1000)).toEqual(new Map([['503', 1000]]))
  expect(await narwhal.stop()).toBe(0)
})

test('R5: a full disk behind stdout does not keep it from starting', async () => {
  const dataDir = await tempDir('data')
  // it has nobody to tell its address to, so it is told one
  const port = await lastingPort()
  const command = ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', dataDir]
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [main, ...command], {
    stdio: ['ignore', full, 'ignore'],
    env: {},
  })
  atTestEnd(() => void child.kill('SIGKILL'))
  closeSync(full)
  const status = () => requestRaw(`http://127.0.0.1:${port}/`).then(({ status }) => status, String)
  await expect.poll(status).toBe(200)
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
})

function fill(descriptor: number): void {
  try {
    for (;;) writeSync(descriptor, 'x'.repeat(4096))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN')
  }
}
