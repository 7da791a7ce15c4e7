import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { GeneratedConfig } from '../../src/cli/generate-config.ts'
import { machines } from '../support/machines.ts'
import { makeNixHome } from '../support/nix-home.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

const onLinux = test.runIf(process.platform === 'linux')
const generate = (...args: string[]) => runCommand(['generate-config', ...args])
const byHand = ['--ram', '4G', '--cores', '2', '--disk', 'hdd:500G:free=380G', '--link', '1G']
const names = ['narwhal-client.nix', 'narwhal-server.nix', 'narwhal.toml', 'nix.conf']

describe('where it goes', () => {
  test('files into a directory, made where it is not there; their paths are the data', async () => {
    const dir = join(await tempDir('generated'), 'deep/er')
    const { code, stdout, stderr } = await generate(...byHand, '-o', dir)
    expect(code).toBe(0)
    expect((await readdir(dir)).sort()).toEqual(names)
    expect(stdout.trim().split('\n').sort()).toEqual(names.map((name) => join(dir, name)))
    expect(stderr).toMatch(/narwhal-server\.nix/)
    expect((await stat(join(dir, 'nix.conf'))).mode & 0o777).toBe(0o644)
  })

  test('without a directory to stdout: all under their names, or one alone as it is', async () => {
    const all = await generate(...byHand)
    for (const name of names) expect(all.stdout).toContain(`# ======== ${name} ========\n`)
    const { stdout } = await generate(...byHand, '--format', 'nix.conf')
    expect(stdout).toMatch(
      /^# nix\.conf for a machine with 2 cores, 4\.0 GiB of memory, hard disk of/,
    )
    expect(stdout).not.toContain('========')
  })

  test('nothing is overwritten, and nothing written beside it, but with --force', async () => {
    const dir = await tempDir('generated')
    await writeFile(join(dir, 'nix.conf'), 'precious')
    const refused = await generate(...byHand, '-o', dir)
    expect(refused.code).toBe(3)
    expect(refused.stderr).toMatch(/nix\.conf is there already; --force overwrites/)
    expect(await readdir(dir)).toEqual(['nix.conf'])
    expect(await readFile(join(dir, 'nix.conf'), 'utf8')).toBe('precious')
    expect((await generate(...byHand, '-o', dir, '--force')).code).toBe(0)
    expect((await readdir(dir)).sort()).toEqual(names)
    expect(await readFile(join(dir, 'nix.conf'), 'utf8')).toMatch(/^# nix\.conf for/)
  })

  test('a place that cannot be written is named', async () => {
    const dir = await tempDir('generated')
    await writeFile(join(dir, 'file'), '')
    const { code, stderr } = await generate(...byHand, '-o', join(dir, 'file/x'))
    expect(code).toBe(3)
    expect(stderr).toContain('cannot write to')
  })

  onLinux('so is one where nothing can ever be made', async () => {
    const { code, stderr } = await generate(...byHand, '-o', '/proc/narwhal')
    expect(code).toBe(3)
    expect(stderr).toContain('cannot write to /proc/narwhal: ENOENT')
  })

  test('--json is whole', async () => {
    const { stdout } = await generate(...byHand, '--json', '--server-address', 'cache.lan')
    const result = JSON.parse(stdout) as GeneratedConfig
    expect(result).toMatchObject({
      source: 'given by hand',
      role: 'proxy',
      judgement: { answer: 'yes', reasons: [], instead: [] },
      notes: [],
    })
    expect(result.files.map(({ name }) => name).sort()).toEqual(names)
  })
})

describe('what it is for', () => {
  test('this machine, where nothing else is said', async () => {
    const auto = await generate('--auto', '--json')
    const silent = await generate('--json')
    expect(auto.code).toBe(0)
    expect(JSON.parse(auto.stdout)).toMatchObject({ source: 'this machine' })
    expect(JSON.parse(silent.stdout)).toMatchObject({ source: 'this machine' })
  })

  test('a machine from a file', async () => {
    const file = join(await tempDir('machine'), 'machine.json')
    await writeFile(file, JSON.stringify(machines['pentium-hdd']))
    const { stdout } = await generate('--machine', file, '--format', 'narwhal-server.nix')
    expect(stdout).toContain('services.narwhal.interface = lib.mkDefault "enp2s0";')
    expect(stdout).toContain(`# Made by: narwhal generate-config --machine ${file}`)
  })

  test('a machine too small for the role gets a no with what will work, files that make the best of it, and 1', async () => {
    const dir = await tempDir('generated')
    const { code, stderr } = await generate('--ram', '2G', '--role', 'builder', '-o', dir)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^no: too small for the role "builder"/m)
    expect(stderr).toMatch(/^instead: /m)
    const text = await readFile(join(dir, 'narwhal-server.nix'), 'utf8')
    expect(text).toContain('# This machine is too small for the role "builder"')
    expect(text).toContain('nix.settings.max-jobs = lib.mkDefault 0;')
  })

  test('another machine that builds turns that no into a yes', async () => {
    const { code, stdout } = await generate(
      ...['--ram', '2G', '--role', 'builder', '--distributed', 'me@big.lan'],
      ...['--distributed-jobs', '8', '--json'],
    )
    expect(code).toBe(0)
    const { files, judgement } = JSON.parse(stdout) as GeneratedConfig
    expect(judgement.answer).toBe('yes')
    expect(files[0]?.text).toMatch(
      /hostName = "big\.lan";[\s\S]*sshUser = "me";[\s\S]*maxJobs = 8;/,
    )
  })

  test('a client gets its own two files, with the caches in order', async () => {
    const { code, stdout } = await generate(
      ...[
        '--client',
        '--server-address',
        'near.lan',
        '--server-address',
        'http://far.lan:80',
        '--json',
      ],
    )
    expect(code).toBe(0)
    const { files } = JSON.parse(stdout) as GeneratedConfig
    expect(files.map(({ name }) => name)).toEqual(['narwhal-client.nix', 'nix.conf'])
    expect(files[1]?.text).toContain(
      'extra-substituters = http://near.lan:5000?priority=10 http://far.lan?priority=15\n',
    )
  })

  test('an address that is not known is said to be a stand-in', async () => {
    const { stderr } = await generate(...byHand, '--format', 'nix.conf')
    expect(stderr).toMatch(/note: http:\/\/narwhal\.lan:5000 stands where .*--server-address/)
  })
})

describe('wrong usage', () => {
  test.each([
    [['--client', '--public-key', 'x'], /--client: give the narwhal[\s\S]*--public-key: /],
    [
      ['--client', '--server-address', 'a', '--format', 'narwhal.toml'],
      /a client has no such file/,
    ],
    [['--auto', '--ram', '4G'], /--auto is for this machine/],
    [['--role', 'desktop'], /Allowed choices are proxy, cache, builder/],
    [['--ram', 'much'], /--ram much/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await generate(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })
})

testWith(['nix-instantiate'])('no argument gets into the code of a module', async () => {
  const dir = await tempDir('generated')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Nix would read the one below
  const directory = "a'b\n${c}"
  const nasty = `--upstream=https://x/\${builtins.abort"x"}/''`
  const { code } = await generate(...byHand, nasty, '-o', join(dir, directory))
  expect(code).toBe(0)
  const [inner = ''] = await readdir(dir)
  const file = join(dir, inner, 'narwhal-server.nix')
  const expression = `(import (/. + builtins.getEnv "FILE") { pkgs = { }; lib.mkDefault = x: x; lib.mkBefore = x: x; }).services.narwhal.settings.upstream`
  const env = { ...(await makeNixHome(dir)), FILE: file }
  const args = ['--eval', '--strict', '--json', '--store', 'dummy://', '-E', expression]
  const upstreams = JSON.parse(await mustRun('nix-instantiate', args, { env }))
  expect(upstreams[0].url).toMatch(/^https:\/\/x\/.*abort/)
})
