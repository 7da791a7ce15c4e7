import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addConfigFlags, loadConfigFrom } from '../../src/cli/load-config.ts'
import { isAppError } from '../../src/errors.ts'
import { tempDir } from '../support/temp-dir.ts'

test('what commander reads becomes the configuration', async () => {
  const dir = await tempDir('config')
  const file = join(dir, 'a.toml')
  await writeFile(file, 'data_dir = "file"\n[log]\nlevel = "warn"\n')
  const args = ['--config', file, '--listen', 'a:1', '--listen', 'b:2', '--max-size', '80%']
  const config = load([...args, '--log-level', 'debug', '--upstream', 'http://c/'])
  expect(config.dataDir).toBe('file')
  expect(config.listen).toEqual([
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
  ])
  expect(config.cache.maxSize).toEqual({ kind: 'percent', percent: 80 })
  expect(config.log.level).toBe('debug')
  expect(config.upstreams.map(({ url }) => url)).toEqual(['http://c'])
})

test('a broken file is a bad configuration, a bad flag alone is wrong usage', async () => {
  const file = join(await tempDir('config'), 'a.toml')
  await writeFile(file, 'x = 1')
  expect(codeOf(['--config', file, '--listen', 'x'])).toBe('BAD_CONFIG')
  expect(codeOf(['--listen', 'x'])).toBe('BAD_USAGE')
  expect(codeOf(['--config', `${file}.absent`])).toBe('CONFIG_UNREADABLE')
})

function load(args: readonly string[]) {
  const command = addConfigFlags(new Command('test'))
  const flags = command.parse(args, { from: 'user' }).opts()
  return loadConfigFrom({ config: flags.config, flags })
}

function codeOf(args: readonly string[]): string | undefined {
  try {
    load(args)
    return undefined
  } catch (error) {
    if (!isAppError(error)) throw error
    return error.code
  }
}
