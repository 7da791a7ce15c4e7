import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startNarwhal } from '../support/narwhal-process.ts'
import { startNotifyReceiver } from '../support/notify-receiver.ts'
import { testWith } from '../support/programs.ts'

const watchdogMs = 400
const nobody = { upstreams: [], trustedKeys: [] }

testWith(['perl', 'systemd-notify'])('systemd hears of start, reload and stop', async () => {
  const receiver = await startNotifyReceiver()
  const narwhal = await startNarwhal({ ...nobody, env: { NOTIFY_SOCKET: receiver.path } })
  await expect.poll(receiver.messages).toEqual(['READY=1'])

  narwhal.signal('SIGHUP')
  await expect.poll(receiver.messages).toHaveLength(3)
  const [, reloading, ready] = receiver.messages()
  const microseconds = Number(/^RELOADING=1 MONOTONIC_USEC=(\d+)$/.exec(reloading ?? '')?.[1])
  expect(Number(process.hrtime.bigint() / 1000n) - microseconds).toBeLessThan(60e6)
  expect(ready).toBe('READY=1')

  expect(await narwhal.stop()).toBe(0)
  await expect.poll(receiver.messages).toHaveLength(4)
  expect(receiver.messages().at(-1)).toBe('STOPPING=1')
  expect(narwhal.stderr).not.toMatch(/service manager/)
})

/** A server under a watchdog, and how often it has fed that. */
async function watched() {
  const receiver = await startNotifyReceiver()
  const narwhal = await startNarwhal({
    ...nobody,
    env: { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: String(watchdogMs * 1000) },
  })
  const fed = () => receiver.messages().filter((message) => message === 'WATCHDOG=1').length
  return { narwhal, receiver, fed }
}

testWith(['perl', 'systemd-notify'])('a hung event loop misses the watchdog', async () => {
  const { narwhal, fed } = await watched()
  await expect.poll(fed).toBeGreaterThan(3)

  narwhal.signal('SIGSTOP')
  // what was on its way may still arrive; then nothing does, which only time can show
  let before = fed()
  const isSilent = async () => {
    before = fed()
    await wait(3 * watchdogMs)
    return fed() === before
  }
  await expect.poll(isSilent).toBe(true)

  narwhal.signal('SIGCONT')
  await expect.poll(fed).toBeGreaterThan(before)
})

testWith(['perl', 'systemd-notify'])(
  'the watchdog is fed on when the relay was killed',
  async () => {
    const { narwhal, receiver, fed } = await watched()
    await expect.poll(fed).toBeGreaterThan(1)
    const children = await readFile(`/proc/${narwhal.pid}/task/${narwhal.pid}/children`, 'utf8')
    const [relay, ...others] = children.trim().split(' ').map(Number)
    expect(others).toEqual([])
    process.kill(relay as number, 'SIGKILL')
    await narwhal.logged(/could not tell the service manager: its relay ended \(SIGKILL\)/)
    const before = fed()
    await expect.poll(fed).toBeGreaterThan(before + 2)
    expect(await narwhal.stop()).toBe(0)
    await expect.poll(() => receiver.messages().at(-1)).toBe('STOPPING=1')
  },
)

testWith(['perl', 'systemd-notify'])(
  'a watchdog meant for another process is not fed',
  async () => {
    const receiver = await startNotifyReceiver()
    const env = { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }
    const narwhal = await startNarwhal({ ...nobody, env })
    await expect.poll(receiver.messages).toEqual(['READY=1'])
    expect(await narwhal.stop()).toBe(0)
    await expect.poll(receiver.messages).toEqual(['READY=1', 'STOPPING=1'])
  },
)

test('a service manager that cannot be told is named in the log, and nothing else happens', async () => {
  const narwhal = await startNarwhal({ ...nobody, env: { NOTIFY_SOCKET: '/nowhere/at/all' } })
  await narwhal.logged(/could not tell the service manager/)
  expect(await narwhal.stop()).toBe(0)
})
