import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { joinCrowd } from '../support/crowd.ts'
import { type FaultStage, faultStage, type StageOptions } from '../support/fault-stage.ts'
import { pauseAfter } from '../support/faults.ts'
import { expectSoundDataDir } from '../support/oracles.ts'
import { exchangeRaw } from '../support/raw-http.ts'

const clients = 20

/** Clients in the middle of a download that goes on only when `open` is called. */
async function crowdInFlight({ narwhal, upstream, info, bytes }: FaultStage) {
  const gate = Promise.withResolvers<void>()
  upstream.script(`/${info.url}`, pauseAfter(500_000, gate.promise))
  const members = Array.from({ length: clients }, () =>
    joinCrowd(narwhal.port, `/${info.url}`, bytes),
  )
  const haveBegun = () => members.every(({ receivedBytes }) => receivedBytes > 0)
  await expect.poll(haveBegun).toBe(true)
  return { members, open: gate.resolve }
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => socket.destroy())
    socket.on('error', () => resolve(true))
    socket.on('close', (hadError) => resolve(hadError))
  })
}

/** A test that ends with the server stopped, and looks at what it has left on the disk. */
function stopTest(
  title: string,
  body: (stage: FaultStage) => Promise<void>,
  options: StageOptions = {},
): void {
  test(title, { timeout: 180_000 }, async () => {
    const stage = await faultStage({ totalBytes: 2_000_000, compression: 'none', ...options })
    await body(stage)
    await stage.narwhal.stop()
    await expectSoundDataDir(stage.narwhal.dataDir, { maxPartials: 1 })
  })
}

stopTest('R3: SIGTERM under load: what streams ends whole, then exit 0', async (stage) => {
  const { narwhal } = stage
  const idle = exchangeRaw(narwhal.port, 'GET /nix-cache-info HTTP/1.1\r\nHost: x\r\n\r\n')
  const { members, open } = await crowdInFlight(stage)
  const stopped = narwhal.ended()

  narwhal.signal('SIGTERM')
  await narwhal.logged(/stopping/)
  // the idle connection is closed at once, not after its keep-alive
  expect(await idle).toMatchObject({ closedBy: 'fin', responses: [{ status: 200, end: 'clean' }] })
  await expect.poll(() => isRefused(narwhal.port)).toBe(true)
  open()

  const fates = await Promise.all(members.map(({ fate }) => fate))
  expect(fates.filter(({ isRight }) => !isRight)).toEqual([])
  expect(await stopped).toBe(0)
})

stopTest('R3: an answer that begins while it stops says Connection: close', async (stage) => {
  const { narwhal, upstream, info } = stage
  const gate = Promise.withResolvers<void>()
  const path = `/${info.storePath.hash}.narinfo`
  upstream.script(path, async (answer) => {
    await gate.promise
    return answer
  })
  const asked = exchangeRaw(narwhal.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await expect.poll(() => upstream.count(path)).toBe(1)
  narwhal.signal('SIGTERM')
  await narwhal.logged(/stopping/)
  gate.resolve()
  const { responses, closedBy } = await asked
  expect(responses[0]).toMatchObject({ status: 200, end: 'clean' })
  expect(responses[0]?.header('connection')).toBe('close')
  expect(closedBy).toBe('fin')
  expect(await narwhal.ended()).toBe(0)
})

stopTest('R3: clients that never ask, or stop asking halfway, hold up no stop', async (stage) => {
  const { narwhal } = stage
  const silent = exchangeRaw(narwhal.port, '')
  const slow = exchangeRaw(narwhal.port, 'GET /nix-cache-info HTTP/1.1\r\nHo')
  // both are accepted: who connects later is answered
  await stage.narinfo()
  narwhal.signal('SIGTERM')
  expect(await narwhal.ended()).toBe(0)
  // we have not given up on it, it has hung up on us
  expect(await silent).toEqual({ responses: [], closedBy: 'fin' })
  expect(await slow).toEqual({ responses: [], closedBy: 'fin' })
})

stopTest('R3: a second SIGTERM ends it now, and nothing wrong stays', async (stage) => {
  const { narwhal } = stage
  const { members, open } = await crowdInFlight(stage)
  narwhal.signal('SIGTERM')
  await narwhal.logged(/stopping/)
  narwhal.signal('SIGTERM')
  expect(await narwhal.ended()).toBe(130)
  const fates = await Promise.all(members.map(({ fate }) => fate))
  expect(fates.filter(({ isRight }) => isRight)).toEqual([])
  open()
  await narwhal.restart()
  expect(await stage.nar()).toMatchObject({ status: 200, end: 'clean' })
})

stopTest(
  'R3: what does not end within limits.drain is cut off, and the exit is still 0',
  async (stage) => {
    const { narwhal } = stage
    const { members, open } = await crowdInFlight(stage)
    narwhal.signal('SIGTERM')
    expect(await narwhal.ended()).toBe(0)
    const fates = await Promise.all(members.map(({ fate }) => fate))
    expect(fates.filter(({ isRight }) => isRight)).toEqual([])
    open()
  },
  { config: '[limits]\ndrain = "300ms"' },
)
