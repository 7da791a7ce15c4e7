import { expect, test } from 'vitest'
import { startNarwhal } from '../support/narwhal-process.ts'

/** Errors nobody foresaw, when told to. */
const saboteur = `
process.on('SIGUSR2', () => { throw new Error('thrown for the test') })
process.on('SIGWINCH', () => { Promise.reject(new Error('rejected for the test')) })`

for (const [signal, what] of [
  ['SIGUSR2', 'thrown'],
  ['SIGWINCH', 'rejected'],
] as const) {
  test(`an error that is ${what} and not foreseen ends the process with a line in the log`, async () => {
    const narwhal = await startNarwhal({
      upstreams: [],
      trustedKeys: [],
      env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(saboteur)}` },
    })
    narwhal.signal(signal)
    expect(await narwhal.ended()).toBe(1)
    await narwhal.logged(/\n/)
    const line = JSON.parse(narwhal.stderr.trim().split('\n').at(-1) ?? '')
    expect(line).toMatchObject({ level: 50, msg: `crashed: ${what} for the test` })
    expect(line.err.stack).toContain('at ')
    // and the next start finds everything in order
    await narwhal.restart()
  })
}
