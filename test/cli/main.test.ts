import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { runCommand } from './run-command.ts'

test('--help is data: on stdout, with exit code 0', async () => {
  const { code, stdout, stderr } = await runCommand(['--help'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/check-config[\s\S]*keygen[\s\S]*Exit codes/)
})

test.each(['check-config', 'keygen'])('%s has its own --help', async (command) => {
  const { code, stdout } = await runCommand([command, '--help'])
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^Usage: narwhal ${command} `))
})

test('--version tells the version of the package', async () => {
  expect(await runCommand(['--version'])).toMatchObject({
    code: 0,
    stdout: `${manifest.version}\n`,
  })
})

test.each([
  [[], /^Usage: narwhal/],
  [['chek-config'], /unknown command 'chek-config'[\s\S]*Did you mean check-config\?/],
  [['check-config', '--confg', 'x'], /unknown option '--confg'[\s\S]*Did you mean --config\?/],
  [['check-config', 'extra'], /too many arguments/],
  [['check-config', '--config'], /argument missing/],
])('wrong usage %j is told on stderr, with exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await runCommand(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
})

test('a reader that leaves early is no error', async () => {
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const child = spawn(process.execPath, [main, 'check-config', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})
