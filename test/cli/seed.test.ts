import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dataDirOf } from '../support/data-dir.ts'
import { machines } from '../support/machines.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { main, runCommand } from './run-command.ts'

/**
 * Each thing narwhal was asked to be, shown by the command that does it: docs/seed.md names them.
 * What they do in detail, the other tests of the same rows hold.
 */

const small = ['--ram', '4G', '--cores', '2', '--disk', 'hdd:500G', '--link', '1G']
const large = ['--ram', '16G', '--cores', '8', '--disk', 'nvme:1T', '--link', '1G']

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args)
  expect(code, stderr).toBe(0)
  return stdout
}

async function files(...args: string[]): Promise<Record<string, string>> {
  const { stdout } = await runCommand(['generate-config', ...args, '--json'])
  const { files } = JSON.parse(stdout) as { files: { name: string; text: string }[] }
  return Object.fromEntries(files.map(({ name, text }) => [name, text]))
}

describe('what it stands for', () => {
  test('A1: a no says why, and a workaround, an upgrade and an alternative', async () => {
    const { code, stdout } = await runCommand([
      'assess',
      '--role',
      'builder',
      '--ram',
      '2G',
      '--cores',
      '2',
      '--json',
    ])
    expect(code).toBe(1)
    const kinds = [...stdout.matchAll(/"kind": "(workaround|upgrade|alternative)"/g)]
    expect(new Set(kinds.map(([, kind]) => kind)).size).toBe(3)
    expect(stdout).toContain('"answer": "no"')
  })

  test('A2: 4 GB are not 16, and a hard disk is no NVMe', async () => {
    const one = await files('--role', 'builder', ...small)
    const other = await files('--role', 'builder', ...large)
    const jobs = (text = '') => Number(/^max-jobs = (\d+)/m.exec(text)?.[1])
    expect(jobs(one['nix.conf'])).toBeLessThan(jobs(other['nix.conf']))
    expect(one['narwhal-server.nix']).toContain('bfq')
    expect(other['narwhal-server.nix']).not.toContain('bfq')
  })

  test('A3: a baseline, one change, measured again, decided and written down', async () => {
    const journal = ['--journal', join(await tempDir('journal'), 'journal')]
    const change = ['--change', 'true → true', '--command', 'true', '--rounds', '3']
    await ok('experiment', 'start', 'nothing', ...change, '--warmups', '0', ...journal)
    const second = await runCommand(['experiment', 'start', 'two', ...change, ...journal])
    expect(second.code).not.toBe(0)
    // A machine that is busy with other things makes anything worse, and that is 1.
    const measured = await runCommand(['experiment', 'measure', ...journal])
    expect([0, 1], measured.stderr).toContain(measured.code)
    await ok('experiment', 'revert', '--because', 'no difference', ...journal)
    expect(await ok('experiment', 'log', ...journal)).toMatch(/nothing[\s\S]*no difference/)
  })

  test('A4: it works with nothing configured, and each step further is a file to import', async () => {
    expect(await ok('check-config')).toContain('https://cache.nixos.org')
    expect(Object.keys(await files(...small))).toContain('narwhal-server.nix')
  })
})

describe('its tools', () => {
  test('T2: max-jobs, storage limits, garbage collection and zram, ready to import', async () => {
    const text = Object.values(await files(...small)).join('\n')
    for (const part of ['max-jobs', 'max_size', 'delete-older-than 14d', 'zramSwap', '{ lib'])
      expect(text).toContain(part)
    expect(text).not.toMatch(/nix-collect-garbage -d/)
  })

  testWith(['unshare', 'ip'])(
    'T3: both ends of a direct link, in 10.255.255.0, without gateway, and why it pays',
    async ({ skip }) => {
      const { code, stdout, stderr } = await inNetwork(
        `${narwhal} direct-network --server --interface eth9 --format networkd && ` +
          `${narwhal} direct-network --client --interface eth9 --format networkd`,
      )
      if (/Operation not permitted/.test(stderr) && process.env.CI !== 'true')
        skip('needs the right to make network namespaces')
      expect(code, stderr).toBe(0)
      expect(stdout).toContain('10.255.255.1/30')
      expect(stdout).toContain('10.255.255.2/30')
      expect(stdout).not.toMatch(/^Gateway=/m)
      expect(stdout + stderr).toMatch(/0\.1 to 0\.5 ms|0\.5 ms/)
    },
  )

  test('T3v: a link is held against 1 ms, 900 Mbit/s and no loss, and gets its verdict', async () => {
    const { code, stdout } = await runCommand([
      'direct-network',
      '--validate',
      '--address',
      '127.0.0.1',
      '--seconds',
      '1',
    ])
    expect(code).toBe(1)
    expect(stdout).toMatch(/less than 1 ms/)
    expect(stdout).toMatch(/no loss|loses\s+nothing/)
    expect(stdout).toContain('this machine itself')
  })

  test('T4: the machine and the server, every N seconds', async () => {
    const narwhal = await startNarwhal({ upstreams: ['http://127.0.0.1:9'], trustedKeys: [] })
    const text = await ok('monitor', '1', '--once', '--json', '--url', narwhal.url)
    const sample = JSON.parse(text) as { server: object; host: object }
    expect(sample.server).toHaveProperty('status')
    for (const part of ['cpu', 'memory', 'disks', 'interfaces'])
      expect(sample.host).toHaveProperty(part)
  })

  test('T5: signing keys; cache-info and service looked at', async () => {
    const out = await tempDir('keys')
    expect(await ok('keygen', 'cache.lan-1', '--out', out)).toMatch(/^cache\.lan-1:/)
    const narwhal = await startNarwhal({ upstreams: ['http://127.0.0.1:9'], trustedKeys: [] })
    const { stdout } = await runCommand(['troubleshoot', '--auto', '--url', narwhal.url])
    expect(stdout).toContain('nix-cache-info')
  })

  test('T6: logs are named, what is kept is collected and verified by hand', async () => {
    const cache = await syntheticCache({ paths: 3, totalBytes: 30_000 })
    const data = ['--data-dir', await dataDirOf(cache), '--trusted-key', cache.publicKey]
    expect((await runCommand(['verify', ...data])).code).toBe(0)
    expect((await runCommand(['gc', '--dry-run', '--max-size', '1KiB', ...data])).code).toBe(0)
    expect(await ok('troubleshoot', 'out-of-memory')).toContain('journalctl')
  })
})

describe('its documents and patterns', () => {
  test('R3: every emergency has its steps, and hardware that is not enough its answer', async () => {
    expect(await ok('troubleshoot', 'cache-corrupt')).toContain('verify --repair')
    expect(await ok('troubleshoot', 'too-little-memory')).toContain('assess --role proxy')
  })

  test('R4: a project page, filled from the machine', async () => {
    const page = await ok('project-template', ...small, '--date', '2026-11-23')
    for (const part of [
      '# ',
      '- [ ] ',
      '4.0 GiB',
      'Timeline',
      'ecision',
      'pgrade',
      'esson',
      'etric',
    ])
      expect(page).toContain(part)
  })

  test('P1: 2 GB: no, why, workarounds, the path to 8 GB, and what it can be instead', async () => {
    const { code, stdout } = await runCommand([
      'assess',
      '--role',
      'builder',
      '--ram',
      '2G',
      '--cores',
      '2',
    ])
    expect(code).toBe(1)
    for (const part of ['NO', 'zram', '8 GB', 'proxy']) expect(stdout).toContain(part)
  })

  test('P3: WiFi, switch and cable side by side, with milliseconds and the price', async () => {
    const { stdout } = await runCommand([
      'direct-network',
      '--advise',
      '--ram',
      '4G',
      '--link',
      'wifi:300M',
    ])
    for (const part of ['2', '10 ms', '0.5 ms', '$5']) expect(stdout).toContain(part)
  })
})

describe('its scenarios', () => {
  test('S1: builds go to another machine', async () => {
    const text = Object.values(await files(...small, '--distributed', 'me@builder.lan')).join('\n')
    for (const part of [
      'buildMachines',
      'builder.lan',
      'distributedBuilds',
      'builders-use-substitutes',
    ])
      expect(text).toContain(part)
  })

  test('S2: client, local cache, remote cache, cache.nixos.org, in that order', async () => {
    const servers = [
      '--server-address',
      'http://local:5000',
      '--server-address',
      'http://remote:5000',
    ]
    const { 'nix.conf': conf = '' } = await files('--client', ...servers, ...small)
    const at = ['local:5000', 'remote:5000', 'cache.nixos.org'].map((name) => conf.indexOf(name))
    expect(at).toEqual(at.toSorted((a, b) => a - b))
    expect(at[0]).toBeGreaterThan(-1)
  })

  test('S3: btrfs is compressed and snapshotted where there is btrfs, and nowhere else', async () => {
    const file = join(await tempDir('machine'), 'btrfs.json')
    const [disk] = machines['n100-nvme'].disks
    const plain = { ...machines['n100-nvme'], disks: [{ ...disk, mountOptions: ['rw'] }] }
    await writeFile(file, JSON.stringify(plain))
    const { 'narwhal-server.nix': with_ = '' } = await files('--machine', file)
    expect(with_).toMatch(/compress=zstd[\s\S]*noatime|noatime[\s\S]*compress=zstd/)
    expect(with_).toContain('snapshot')
    const { 'narwhal-server.nix': without = '' } = await files(...small)
    expect(without).not.toContain('compress=zstd')
  })
})

const narwhal = `'${process.execPath}' '${main}'`

/** Runs a line of the shell in a network of its own, with a cable between eth8 and eth9. */
function inNetwork(line: string) {
  const cable = [
    'mount -t sysfs none /sys',
    'ip link add eth9 type veth peer name eth8',
    'ip link set eth9 up',
    'ip link set eth8 up',
  ].join(' && ')
  return runProgram('unshare', ['-n', '-m', 'sh', '-c', `${cable} && ${line}`], {
    env: { PATH: process.env.PATH ?? '' },
  })
}
