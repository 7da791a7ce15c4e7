import { expect, test } from 'vitest'
import { runCommand } from './run-command.ts'

test.runIf(process.platform === 'linux')(
  'a data directory that can never be made ends the start at once, with a sentence',
  async () => {
    const args = ['serve', '--data-dir', '/proc/narwhal', '--listen', '127.0.0.1:0']
    const { code, stdout, stderr } = await runCommand(args)
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/^error: .*\/proc\/narwhal.*ENOENT.*\nhint: .*\n$/)
  },
)
