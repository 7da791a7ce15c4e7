import { expect, test } from 'vitest'
import { runCommand } from '../cli/run-command.ts'
import { startNarwhal } from '../support/narwhal-process.ts'

test('D9 a second process on one data directory ends at once and says why; the first goes on', async () => {
  const upstreams = ['http://127.0.0.1:9']
  const first = await startNarwhal({ upstreams, trustedKeys: [] })
  const second = runCommand(['serve', '--listen', '127.0.0.1:0', '--data-dir', first.dataDir])
  const outcome = await Promise.race([
    second,
    new Promise((late) => setTimeout(late, 5000, 'late')),
  ])
  expect(outcome).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringMatching(/another narwhal uses this data directory .*\n.*hint: Stop/),
  })
  expect((await fetch(`${first.url}/nix-cache-info`)).status).toBe(200)
  await first.kill()
  await first.restart()
  expect((await fetch(`${first.url}/nix-cache-info`)).status).toBe(200)
})
