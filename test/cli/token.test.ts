import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findToken, parseTokens } from '../../src/policy/token.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

async function commands() {
  const cwd = await tempDir('token')
  const file = join(cwd, 'tokens.json')
  const run = (...args: string[]) => runCommand(['token', ...args, '--tokens-file', file], { cwd })
  const records = async () => parseTokens(await readFile(file, 'utf8'))
  return { cwd, file, run, records }
}

test('a token is shown once, and its file knows it again without holding it', async () => {
  const { cwd, file, run, records } = await commands()
  const { code, stdout, stderr } = await run('create', 'ci')
  expect(code).toBe(0)
  const token = stdout.trim()
  expect(stdout).toMatch(/^narwhal_[\w-]{43}\n$/)
  expect(stderr).not.toContain(token)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readFile(file, 'utf8')).not.toContain(token.slice(8))
  expect(findToken(token, await records(), Date.now())?.name).toBe('ci')
  expect(await readdir(cwd)).toEqual(['tokens.json'])
})

test('tokens are listed with their dates, and revoked by name', async () => {
  const { run, records } = await commands()
  await run('create', 'ci')
  const created = JSON.parse((await run('create', 'laptop', '--expires', '90d', '--json')).stdout)
  expect(created).toMatchObject({ name: 'laptop', token: expect.stringMatching(/^narwhal_/) })
  const days = (Date.parse(created.expires) - Date.parse(created.created)) / 86_400_000
  expect(days).toBe(90)
  expect((await run('list')).stdout).toMatch(/^ci +made .*\nlaptop +made .*, expires .*\n$/)
  const listed = (await run('list', '--json')).stdout
  expect(JSON.parse(listed)).toMatchObject([{ name: 'ci' }, { name: 'laptop', hasExpired: false }])
  expect(listed).not.toMatch(/hash"|salt"/)
  expect((await run('revoke', 'ci')).code).toBe(0)
  expect((await records()).map(({ name }) => name)).toEqual(['laptop'])
  expect((await run('revoke', 'ci')).code).toBe(1)
})

test('a name is given once, and is a plain word', async () => {
  const { run, records } = await commands()
  await run('create', 'ci')
  const again = await run('create', 'ci')
  expect([again.code, again.stdout]).toEqual([2, ''])
  for (const name of ['', '../x', 'a b', '-x']) expect((await run('create', name)).code).toBe(2)
  for (const time of ['soon', '0s', '99999999d']) {
    const { code, stderr } = await run('create', 'x', '--expires', time)
    expect([code, stderr]).toEqual([2, expect.stringContaining('Give a duration such as "12h"')])
  }
  expect(await records()).toHaveLength(1)
})

test('where there is no file nothing is revoked, and none is made', async () => {
  const { cwd, run } = await commands()
  const { code, stderr } = await run('revoke', 'ci')
  expect([code, stderr]).toEqual([3, expect.stringMatching(/cannot use .*tokens\.json: ENOENT/)])
  expect(await readdir(cwd)).toEqual([])
})

test('many at once lose nothing: who cannot have the file says so', async () => {
  const { cwd, run, records } = await commands()
  const runs = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => run('create', name)))
  const made = runs.filter(({ code }) => code === 0)
  for (const { code, stderr } of runs)
    if (code !== 0) expect(stderr).toContain('another change runs')
  expect(made.length).toBeGreaterThan(0)
  expect(await records()).toHaveLength(made.length)
  expect(await readdir(cwd)).toEqual(['tokens.json'])
})

test('the rights of a file stay as they are; one that others may read is not touched', async () => {
  const { cwd, file, run } = await commands()
  await run('create', 'ci')
  await chmod(file, 0o640)
  await run('create', 'other')
  expect((await stat(file)).mode & 0o777).toBe(0o640)
  await chmod(file, 0o644)
  const { code, stderr } = await run('create', 'third')
  expect([code, stderr]).toEqual([3, expect.stringContaining('its mode is 644')])
  expect((await run('list')).code).toBe(3)
  await chmod(file, 0o600)
  await writeFile(file, 'junk')
  expect((await run('revoke', 'ci')).stderr).toContain('it is not JSON')
  expect(await readFile(file, 'utf8')).toBe('junk')
  expect(await readdir(cwd)).toEqual(['tokens.json'])
})

test('the file may be named by the configuration', async () => {
  const { cwd, file } = await commands()
  const config = join(cwd, 'narwhal.toml')
  await writeFile(config, `[auth]\ntokens_file = "${file}"\n`)
  expect((await runCommand(['token', 'create', 'ci', '--config', config])).code).toBe(0)
  expect((await runCommand(['token', 'list', '--config', config])).stdout).toMatch(/^ci /)
  const nowhere = await runCommand(['token', 'list'])
  expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('--tokens-file')])
})
