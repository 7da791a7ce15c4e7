import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { tempDir } from '../support/temp-dir.ts'
import { main, runCommand } from './run-command.ts'

const example = join(import.meta.dirname, '../../config/narwhal.toml')

test('with no file the defaults are sound, and told', async () => {
  const { code, stdout, stderr } = await runCommand(['check-config'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'no mistakes\n' })
  expect(stdout).toMatch(/^listen +\[::\]:5000$/m)
  expect(stdout).toMatch(/^upstream +https:\/\/cache\.nixos\.org \(priority 40\)$/m)
})

test('the example that comes with narwhal is sound', async () => {
  expect(await runCommand(['check-config', '--config', example])).toMatchObject({ code: 0 })
})

test('every mistake is one line on stdout, with file and line, and the exit code is 1', async () => {
  const cwd = await directoryWith('[cache]\nmax_sise = "1GiB"\n\n[[upstream]]\nurl = "nix-store"\n')
  const { code, stdout, stderr } = await runCommand(
    ['check-config', '--config', 'my.toml', '--listen', 'here'],
    { cwd, env: { NARWHAL_LOG_FORMAT: 'xml' } },
  )
  expect({ code, stderr }).toEqual({ code: 1, stderr: '4 mistakes\n' })
  expect(stdout.split('\n').map((line) => line.split(': ').slice(0, 2))).toEqual([
    ['my.toml:2', 'cache.max_sise'],
    ['my.toml:5', 'upstream[0].url'],
    ['environment', 'NARWHAL_LOG_FORMAT'],
    ['command line', '--listen'],
    [''],
  ])
})

test('--json gives the mistakes, or the configuration flags and environment make of the file', async () => {
  const cwd = await directoryWith('data_dir = "from the file"\nx = 1\n')
  const wrong = await runCommand(['check-config', '--config', 'my.toml', '--json'], { cwd })
  expect(wrong.code).toBe(1)
  expect(JSON.parse(wrong.stdout)).toEqual({
    ok: false,
    mistakes: [{ source: 'my.toml', line: 2, key: 'x', message: 'unknown key' }],
  })
  const args = ['--upstream', 'http://a', '--upstream', 'http://b', '--data-dir', 'd', '--json']
  const right = await runCommand(['check-config', ...args], {
    env: { NARWHAL_LISTEN: '[::1]:1', NARWHAL_DATA_DIR: 'beaten' },
  })
  expect(right.code).toBe(0)
  expect(JSON.parse(right.stdout)).toMatchObject({
    ok: true,
    config: {
      dataDir: 'd',
      listen: [{ host: '::1', port: 1 }],
      upstreams: [{ url: 'http://a' }, { url: 'http://b' }],
    },
  })
})

test('a file that cannot be read is a failure, with a hint: exit code 3', async () => {
  const cwd = await directoryWith(Buffer.from([0xff, 0xfe, 0x00]))
  for (const [file, reason] of [
    ['absent.toml', 'ENOENT'],
    ['.', 'EISDIR'],
    ['my.toml', 'not UTF-8'],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(['check-config', '--config', file], { cwd })
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(`error: cannot read ${file}: `)
    expect(stderr).toContain(reason)
    expect(stderr).toContain('hint: ')
  }
})

test.runIf(existsSync('/dev/full'))('what a full disk does not take has failed', async () => {
  const full = await open('/dev/full', 'w')
  const child = spawn(process.execPath, [main, 'check-config', '--json'], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', full.fd, 'pipe'],
  })
  const over = once(child, 'close')
  const stderr = await text(child.stderr as Readable)
  const [code] = await over
  await full.close()
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: expect.stringMatching(/^error: cannot write the output: ENOSPC.*\n$/),
  })
})

test('what is piped has no colours, even where they are on by default', async () => {
  const { stdout, stderr } = await runCommand(['check-config', '--listen', 'x'], {
    env: { TERM: 'xterm-256color' },
  })
  expect(stdout + stderr).not.toContain('\u001b')
})

async function directoryWith(content: string | Uint8Array): Promise<string> {
  const dir = await tempDir('config')
  await writeFile(join(dir, 'my.toml'), content)
  return dir
}
