import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'

const lines = 100_000
const lineBytes = 100

/** Logs far more than may wait, says how much memory that took, and one line more when told to. */
const program = `
import { openLogOutput } from '${join(import.meta.dirname, '../../src/server/log-output.ts')}'
const output = openLogOutput(process.stderr, (lost) => 'lost ' + lost + '\\n')
const line = 'x'.repeat(${lineBytes - 1}) + '\\n'
for (let i = 0; i < ${lines}; i++) {
  output.write(line)
  if (i % 1000 === 0) await new Promise(setImmediate)
}
process.send({ external: process.memoryUsage().external, heap: process.memoryUsage().heapUsed })
process.on('message', async () => {
  await output.flush(10_000)
  output.write('the end\\n')
  await output.flush(10_000)
  process.exit(0)
})
`

testWith(['mkfifo'])('what a pipe does not take is dropped and counted, not kept', async () => {
  const pipe = join(await tempDir('pipe'), 'stderr')
  await mustRun('mkfifo', [pipe], { env: { PATH: process.env.PATH ?? '' } })
  const reading = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  const writing = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'inherit', writing, 'ipc'],
  })
  atTestEnd(() => void child.kill('SIGKILL'))
  const [{ external, heap }] = (await once(child, 'message')) as [Record<string, number>]
  expect((external ?? 0) + (heap ?? 0)).toBeLessThan(30 * MiB)

  child.send('go on')
  let text = ''
  const buffer = Buffer.alloc(64 * 1024)
  await expect
    .poll(
      () => {
        try {
          for (;;) text += buffer.toString('latin1', 0, readSync(reading, buffer))
        } catch {
          return text.endsWith('the end\n')
        }
      },
      { interval: 5 },
    )
    .toBe(true)
  const all = text.trim().split('\n')
  const lost = Number(/^lost (\d+)$/.exec(all.at(-2) ?? '')?.[1])
  expect(all.length - 2 + lost).toBe(lines)
  expect(text.length).toBeLessThan(2 * MiB)
})
