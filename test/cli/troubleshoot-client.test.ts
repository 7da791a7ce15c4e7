import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { findTopics } from '../../src/advice/troubleshooting/search.ts'
import type { CheckReport } from '../../src/cli/troubleshoot/check.ts'
import { formatPublicKey, generateSecretKey } from '../../src/nix/signature.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { edit } from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { mustRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { realClosure } from '../support/real-closure.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'
import {
  bareStage,
  clientOf,
  clientWith,
  look,
  main,
  nixosCache,
  nixTest,
  stage,
} from './troubleshoot-stage.ts'

describe('a healthy cache', () => {
  nixTest('nothing is wrong, and the way of a client has been gone to its end', async () => {
    const { narwhal, cache, path } = await stage()
    const { env } = await clientOf(`${narwhal.url}/`, [cache.publicKey])
    const report = await look(['--url', narwhal.url, '--store-path', `${path}/bin/hello`], env)
    expect(report.faults).toEqual([])
    const ok = report.checks.filter(({ state }) => state === 'ok').map(({ name }) => name)
    expect(ok).toEqual(
      expect.arrayContaining([
        ...['name', 'connection', 'proxy', 'address', 'store dir', 'clock', 'substituters'],
        ...['trusted user', 'priority', 'memory', 'behind', 'fallback', 'timeouts', 'absences'],
        ...['narinfos', 'key', 'nar', 'status'],
      ]),
    )
    expect(report.of('nar').seen).toMatch(/FileHash and NarHash right, .* zstd at /)
    expect(report.of('key').seen).toContain('synthetic-1')
    expect(report.of('priority').seen).toContain(`${nixosCache} 40`)
    expect(report.of('nix')).toMatchObject({ state: 'warning', symptom: 'narinfo-5xx' })
  })

  nixTest('without --url the first http substituter of nix.conf is meant', async () => {
    const { narwhal, cache, path } = await stage()
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    const report = await look(['--store-path', path], env)
    expect(report).toMatchObject({ url: narwhal.url, urlFrom: 'substituters in nix.conf' })
    expect(report.faults).toEqual([])
  })

  nixTest('for people: one check a line, in 80 columns, with a sum', async () => {
    const { narwhal, cache, path } = await stage()
    const { env } = await clientOf(narwhal.url, [cache.publicKey])
    const args = ['troubleshoot', '--auto', '--url', narwhal.url, '--store-path', path]
    const { code, stdout } = await runCommand(args, { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok {8}connection {4}A connection to 127\.0\.0\.1 within \d/m)
    expect(stdout).toMatch(/^0 faults, \d+ warnings?, \d+ ok, \d+ not seen, in \d\.\d s$/m)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stdout).not.toContain('\u001b')
  })

  nixTest('a password in the URL is used, and never shown', async () => {
    const { url, cache, path } = await bareStage()
    const { env } = await clientOf(url, [cache.publicKey])
    const secret = url.replace('//', '//reader:hunter2@')
    const run = await runCommand(
      ['troubleshoot', '--auto', '--json', '--url', secret, '--store-path', path],
      { env },
    )
    expect(run.code).toBe(0)
    expect(run.stdout + run.stderr).not.toContain('hunter2')
  })

  testWith([])('without Nix on the machine, the cache is looked at all the same', async () => {
    const { narwhal, path } = await stage()
    const empty = await tempDir('bin')
    const report = await look(['--url', narwhal.url, '--store-path', path], { PATH: empty })
    expect(report.faults).toEqual([])
    expect(report.of('nix')).toMatchObject({ state: 'unchecked' })
    expect(report.of('key')).toMatchObject({ state: 'unchecked' })
    expect(report.of('nar')).toMatchObject({ state: 'ok' })
  })
})

describe('trust', () => {
  nixTest('a key this machine lacks is named, with the line to add', async () => {
    const { narwhal, cache, path } = await stage()
    const { env, dir } = await clientOf(narwhal.url, [])
    const report = await look(['--url', narwhal.url, '--store-path', path], env)
    expect(report.faults).toEqual(['key'])
    const { seen, lines, symptom } = report.of('key')
    expect(seen).toContain('synthetic-1, which trusted-public-keys does not have')
    expect({ lines, symptom }).toEqual({
      lines: [`extra-trusted-public-keys = ${cache.publicKey}`],
      symptom: 'key-missing',
    })
    // added as it stands, it mends that
    const file = join(dir, 'conf', 'nix.conf')
    await writeFile(file, `${await readFile(file, 'utf8')}${lines?.[0]}\n`)
    expect((await look(['--url', narwhal.url, '--store-path', path], env)).faults).toEqual([])
  })

  nixTest('a key of the right name and other letters is told from a missing one', async () => {
    const { narwhal, path } = await stage()
    const other = formatPublicKey(generateSecretKey('synthetic-1').publicKey)
    const { env } = await clientOf(narwhal.url, [other])
    const report = await look(['--url', narwhal.url, '--store-path', path], env)
    expect(report.faults).toEqual(['key'])
    expect(report.of('key').seen).toContain('not with the key of that name that this machine has')
  })

  nixTest('a cache that does not tell its key: the name is all that can be said', async () => {
    const { url, path } = await bareStage()
    const { env } = await clientOf(url, [])
    const { of } = await look(['--url', url, '--store-path', path], env)
    expect(of('key').lines).toEqual(['extra-trusted-public-keys = synthetic-1:<base64>'])
  })

  nixTest('what nobody has signed', async () => {
    const { upstream, run } = await bareStage()
    upstream.script(
      /\.narinfo$/,
      edit((text) => text.replace(/^Sig: .*\n/gm, '')),
    )
    const report = await run()
    expect(report.faults).toEqual(['key'])
    expect(report.of('key').seen).toContain('carries no signature')
  })

  nixTest('a Nix that believes everything is warned of', async () => {
    const { url, path } = await bareStage()
    const { env } = await clientOf(url, [], ['require-sigs = false'])
    const { of } = await look(['--url', url, '--store-path', path], env)
    expect(of('key')).toMatchObject({ state: 'warning' })
  })

  nixTest('real Nix refuses what is called a fault here, in words that lead to it', async () => {
    const closure = await realClosure()
    const narwhal = await startNarwhal({
      upstreams: [`file://${closure.cache('xz')}`],
      trustedKeys: [closure.publicKey],
    })
    const { env, dir } = await clientOf(narwhal.url, [], ['experimental-features = nix-command'])
    const report = await look(['--url', narwhal.url, '--store-path', closure.root], env)
    expect(report.faults).toEqual(['key'])
    const args = ['copy', '--from', narwhal.url, '--to', join(dir, 'store'), closure.root]
    const copy = await runProgram('nix', args, { cwd: dir, env })
    expect(copy.code).not.toBe(0)
    const message = copy.stderr.split('\n').find((line) => line.includes('signature')) ?? ''
    expect(findTopics(message).map(({ id }) => id)).toEqual(['key-missing'])
  })
})

describe('settings of this machine', () => {
  nixTest('a nix.conf without it: the line to add', async () => {
    const { narwhal, cache, path } = await stage()
    const { env } = await clientWith([
      `substituters = ${nixosCache}`,
      `trusted-public-keys = ${cache.publicKey}`,
    ])
    const report = await look(['--url', narwhal.url, '--store-path', path], env)
    expect(report.faults).toEqual(['substituters'])
    expect(report.of('substituters')).toMatchObject({
      lines: [`extra-substituters = ${narwhal.url}`],
      symptom: 'no-substituter',
    })
  })

  nixTest('asked after cache.nixos.org: a fault, unless this client says otherwise', async () => {
    const { narwhal, cache, path } = await stage({ NARWHAL_CACHE_PRIORITY: '50' })
    const args = ['--url', narwhal.url, '--store-path', path]
    const late = await look(args, (await clientOf(narwhal.url, [cache.publicKey])).env)
    expect(late.faults).toEqual(['priority'])
    expect(late.of('priority').symptom).toBe('priority-ignored')
    const raised = await clientOf(`${narwhal.url}?priority=10`, [cache.publicKey])
    expect((await look(args, raised.env)).faults).toEqual([])
  })

  nixTest('the same priority: the first in the list is asked first', async () => {
    const { narwhal, cache, path } = await stage({ NARWHAL_CACHE_PRIORITY: '40' })
    const args = ['--url', narwhal.url, '--store-path', path]
    const before = await clientOf(narwhal.url, [cache.publicKey])
    expect((await look(args, before.env)).faults).toEqual([])
    const after = await clientWith([
      `substituters = ${nixosCache} ${narwhal.url}`,
      `trusted-public-keys = ${cache.publicKey}`,
    ])
    expect((await look(args, after.env)).faults).toEqual(['priority'])
  })

  nixTest('nothing behind it, no timeout, long memory, fallback of an old Nix', async () => {
    const { narwhal, cache, path } = await stage()
    const { env } = await clientWith([
      `substituters = ${narwhal.url}`,
      `trusted-public-keys = ${cache.publicKey}`,
      ...['connect-timeout = 0', 'narinfo-cache-negative-ttl = 3600', 'fallback = true'],
    ])
    const report = await look(['--url', narwhal.url, '--store-path', path], env)
    expect(report.faults).toEqual([])
    for (const name of ['behind', 'timeouts', 'absences', 'fallback'] as const)
      expect(report.of(name), name).toMatchObject({ state: 'warning' })
    expect(report.of('timeouts').lines).toEqual(['connect-timeout = 5'])
  })

  nixTest('substitution turned off', async () => {
    const { url, cache, path } = await bareStage()
    const { env } = await clientOf(url, [cache.publicKey], ['substitute = false'])
    expect((await look(['--url', url, '--store-path', path], env)).faults).toEqual(['substituters'])
  })

  testWith(['nix', 'setpriv'])('a user whom the daemon does not trust', async () => {
    const { narwhal, cache, path } = await stage()
    const { env, dir } = await clientWith([
      `substituters = ${nixosCache}`,
      `trusted-public-keys = ${cache.publicKey}`,
      'trusted-users = root',
    ])
    const own = join(dir, 'own.conf')
    await writeFile(own, `extra-substituters = ${narwhal.url}\n`)
    await chmod(dir, 0o755)
    const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath]
    const args = [main, 'troubleshoot', '--auto', '--json', '--url', narwhal.url]
    const run = async () => {
      const { stdout } = await runProgram('setpriv', [...asNobody, ...args, '--store-path', path], {
        env: { ...env, NIX_USER_CONF_FILES: own, NIX_REMOTE: 'daemon' },
      })
      const { checks } = JSON.parse(stdout) as CheckReport
      return checks.find(({ name }) => name === 'trusted user')
    }
    expect(await run()).toMatchObject({
      state: 'fault',
      symptom: 'untrusted-user',
      lines: [`trusted-substituters = ${narwhal.url}`],
    })
    const file = join(dir, 'conf', 'nix.conf')
    await writeFile(file, `${await readFile(file, 'utf8')}trusted-substituters = ${narwhal.url}/\n`)
    expect(await run()).toMatchObject({ state: 'ok' })
  })

  nixTest('what Nix remembers as absent although it is there by now', async () => {
    const closure = await realClosure()
    const empty = await tempDir('empty')
    await writeFile(join(empty, 'nix-cache-info'), 'StoreDir: /nix/store\nPriority: 10\n')
    const upstream = await startFakeUpstream(empty)
    const { env, dir } = await clientOf(upstream.url, [closure.publicKey])
    const args = ['--url', upstream.url, '--store-path', closure.root]
    const store = join(dir, 'store')
    await runProgram('nix-store', ['--store', store, '--realise', '--dry-run', closure.root], {
      cwd: dir,
      env: { ...env, NIX_CONFIG: `substituters = ${upstream.url}` },
    })
    expect((await look(args, env)).faults).toContain('narinfos')
    await mustRun('cp', ['-r', `${closure.cache('xz')}/.`, empty], { env })
    await writeFile(join(empty, 'nix-cache-info'), 'StoreDir: /nix/store\nPriority: 10\n')
    const later = await look(args, env)
    expect(later.of('narinfos')).toMatchObject({ state: 'ok' })
    expect(later.of('memory')).toMatchObject({ state: 'warning', symptom: 'remembered-absence' })
    await writeFile(join(empty, 'nix-cache-info'), 'StoreDir: /nix/store\nPriority: 20\n')
    expect((await look(args, env)).of('memory')).toMatchObject({
      state: 'warning',
      symptom: 'priority-ignored',
    })
  })

  nixTest('a proxy in the environment, unless it is told to leave the cache alone', async () => {
    const { url, client, path } = await bareStage()
    const args = ['--url', url, '--store-path', path]
    const proxied = { ...client.env, http_proxy: 'http://proxy.lan:3128' }
    expect((await look(args, proxied)).of('proxy')).toMatchObject({
      state: 'warning',
      lines: ['no_proxy=127.0.0.1'],
    })
    const excepted = { ...proxied, no_proxy: 'localhost,127.0.0.1' }
    expect((await look(args, excepted)).of('proxy')).toMatchObject({ state: 'ok' })
  })
})
