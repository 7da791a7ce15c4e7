import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parsePublicKey, parseSecretKey, signText, verifyText } from '../../src/nix/signature.ts'
import { makeNixHome } from '../support/nix-home.ts'
import { mustRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

test('writes a pair that belongs together, the secret for its owner alone', async () => {
  const cwd = await tempDir('keygen')
  const { code, stdout } = await runCommand(['keygen', 'cache.lan-1'], { cwd })
  expect(code).toBe(0)
  const [secret, publicKey] = await readPair(cwd, 'cache.lan-1')
  expect(stdout).toBe(`${publicKey}\nextra-trusted-public-keys = ${publicKey}\n`)
  expect((await stat(join(cwd, 'cache.lan-1.secret'))).mode & 0o777).toBe(0o600)
  const signature = signText('text', parseSecretKey(secret))
  expect(verifyText('text', signature, parsePublicKey(publicKey))).toBe(true)
})

test('writes where it is told to: a directory, or two files', async () => {
  const cwd = await tempDir('keygen')
  await mkdir(join(cwd, 'keys'))
  await runCommand(['keygen', 'a-1', '--out', 'keys'], { cwd })
  expect(await readdir(join(cwd, 'keys'))).toEqual(['a-1.public', 'a-1.secret'])
  const named = await runCommand(['keygen', 'b-1', '--secret', 's', '--public', 'p', '--json'], {
    cwd,
  })
  const publicKey = await readFile(join(cwd, 'p'), 'utf8')
  expect(JSON.parse(named.stdout)).toEqual({
    name: 'b-1',
    publicKey,
    nixConf: `extra-trusted-public-keys = ${publicKey}`,
    secretFile: 's',
    publicFile: 'p',
  })
})

test('never says the secret', async () => {
  const cwd = await tempDir('keygen')
  for (const args of [
    ['keygen', 'a-1'],
    ['keygen', 'b-1', '--json'],
  ]) {
    const { stdout, stderr } = await runCommand(args, { cwd })
    const [secret] = await readPair(cwd, args[1] as string)
    expect(stdout + stderr).not.toContain(secret.split(':')[1]?.slice(0, 30))
  }
})

test.each(['secret', 'public'])(
  'never overwrites a %s key, and leaves nothing new',
  async (half) => {
    const cwd = await tempDir('keygen')
    const file = join(cwd, `a-1.${half}`)
    await writeFile(file, 'precious')
    const { code, stdout, stderr } = await runCommand(['keygen', 'a-1'], { cwd })
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain('is there already')
    expect(await readdir(cwd)).toEqual([`a-1.${half}`])
    expect(await readFile(file, 'utf8')).toBe('precious')
  },
)

test('says where it cannot write', async () => {
  const cwd = await tempDir('keygen')
  const { code, stderr } = await runCommand(['keygen', 'a-1', '--out', 'absent'], { cwd })
  expect(code).toBe(3)
  expect(stderr).toContain('cannot write absent/a-1.secret')
})

test.each([
  [['keygen']],
  [['keygen', 'a:b']],
  [['keygen', 'a b']],
  [['keygen', '../a']],
  [['keygen', '']],
  [['keygen', 'a-1', '--secret', 's']],
  [['keygen', 'a-1', '--public', 'p']],
  [['keygen', 'a-1', '--secret', 's', '--public', 'p', '--out', '.']],
])('%j is wrong usage and writes nothing', async (args) => {
  const cwd = await tempDir('keygen')
  expect(await runCommand(args, { cwd })).toMatchObject({ code: 2, stdout: '' })
  expect(await readdir(cwd)).toEqual([])
})

testWith(['nix', 'nix-build'])('Nix signs with such a key, and trusts what it signed', async () => {
  const dir = await tempDir('keygen')
  await runCommand(['keygen', 'ours-1'], { cwd: dir })
  const [, publicKey] = await readPair(dir, 'ours-1')
  const env = await makeNixHome(dir)
  const store = ['--store', join(dir, 'store')]
  const path = await mustRun('nix-build', ['-E', inputAddressed, ...store, '--no-out-link'], {
    cwd: dir,
    env,
  })
  const sign = ['store', 'sign', ...store, '--key-file', join(dir, 'ours-1.secret'), path]
  await mustRun('nix', sign, { cwd: dir, env })

  const verify = ['store', 'verify', ...store, '--no-contents', '--sigs-needed', '1', path]
  const trusting = (key: string) =>
    runProgram('nix', [...verify, '--option', 'trusted-public-keys', key], { cwd: dir, env })
  expect(await trusting(publicKey)).toMatchObject({ code: 0 })
  const foreign = `ours-1:${Buffer.alloc(32, 1).toString('base64')}`
  expect((await trusting(foreign)).code).not.toBe(0)
})

/** Its path says nothing of its contents: only a signature can vouch for it. */
const inputAddressed = `derivation {
  name = "signed"; system = builtins.currentSystem;
  builder = "/bin/sh"; args = [ "-c" "echo hello > $out" ];
}`

async function readPair(dir: string, name: string): Promise<[string, string]> {
  const read = (half: string) => readFile(join(dir, `${name}.${half}`), 'utf8')
  return [await read('secret'), await read('public')]
}
