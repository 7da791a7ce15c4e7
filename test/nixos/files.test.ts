import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/read-config.ts'
import { type ConfigFileName, clientFiles, serverFiles } from '../../src/nixos/config-files.ts'
import type { AdvisedSetting, WantedConfig } from '../../src/nixos/wanted-config.ts'

const because = { text: 'Why.', formula: '1 + 1 = 2', source: 'a book', check: 'free -h' }
const setting = (key: string, value: AdvisedSetting['value']): AdvisedSetting => ({
  key,
  value,
  because,
})

const plain: WantedConfig = {
  machine: '2 cores, 3.7 GiB of memory',
  command: 'narwhal generate-config',
  role: 'proxy',
  warning: undefined,
  nixVersion: '2.31.2',
  platform: 'x86_64-linux',
  narwhal: [setting('cache.max_size', '80%'), setting('log.level', 'info')],
  nix: [setting('max-jobs', 1), { ...setting('max-substitution-jobs', 4), minimumNix: '2.16' }],
  clientNix: [{ ...setting('fallback', true), minimumNix: '2.24' }],
  system: [],
  lan: { interface: 'enp2s0' },
  storeFilesystem: { type: 'ext4', mountPoint: '/', mountOptions: [] },
  serverAddresses: ['http://192.168.1.20:5000'],
  publicKeys: [],
  upstreams: [],
  signingKeyFile: undefined,
  buildMachine: undefined,
  tuning: undefined,
}

function server(name: ConfigFileName, changes: Partial<WantedConfig> = {}): string {
  return textOf(serverFiles({ ...plain, ...changes }), name)
}

function client(name: ConfigFileName, changes: Partial<WantedConfig> = {}): string {
  return textOf(clientFiles({ ...plain, ...changes }), name)
}

function textOf(files: ReturnType<typeof serverFiles>, name: ConfigFileName): string {
  const file = files.find((file) => file.name === name)
  if (!file) throw new Error(`no ${name}`)
  return file.text
}

describe('btrfs', () => {
  const module = (changes: Partial<WantedConfig['storeFilesystem']>) =>
    server('narwhal-server.nix', {
      storeFilesystem: { type: 'btrfs', mountPoint: '/nix', mountOptions: [], ...changes },
    })

  test('a store on btrfs is compressed, and read without being written', () => {
    expect(module({})).toContain('fileSystems."/nix".options = [ "compress=zstd" "noatime" ];')
  })

  test.each([
    [['compress=zstd:3', 'noatime'], undefined],
    [['compress-force=zstd', 'relatime'], '[ "noatime" ]'],
    [['noatime', 'compressor'], '[ "compress=zstd" ]'],
  ])('mounted with %j it is told %s', (mountOptions, told) => {
    const found = /fileSystems."\/nix".options = (.*);/.exec(module({ mountOptions }))?.[1]
    expect(found).toBe(told)
  })

  test('its snapshots are taken by hand, and go beside the root of where it is mounted', () => {
    expect(module({})).toContain('mkdir -p /nix/.snapshots')
    expect(module({ mountPoint: '/' })).toContain('mkdir -p /.snapshots')
    expect(module({})).not.toMatch(/startAt|timers/)
  })

  test.each([
    { type: 'ext4' },
    { type: undefined },
    { mountPoint: undefined },
    { mountPoint: '/nix/store' },
  ])('nothing of it where it is not known to be btrfs: %j', (changes) => {
    expect(module(changes)).not.toMatch(/btrfs|fileSystems|snapshot/)
  })
})

describe('the cache lies where its room was counted', () => {
  test.each([
    ['ext4', '/', undefined],
    ['ext4', '/var', undefined],
    ['ext4', '/var/lib/narwhal', undefined],
    ['ext4', '/var/li', '/var/li/narwhal'],
    ['ext4', '/mnt/usb', '/mnt/usb/narwhal'],
    ['ext4', '/nix', '/nix/narwhal'],
    ['ext4', '/nix/store', undefined],
    ['btrfs', '/nix', undefined],
    ['ext4', '/mnt/my disk', undefined],
    ['ext4', undefined, undefined],
  ])('%s at %s: %s', (type, mountPoint, dataDir) => {
    const storeFilesystem = { type, mountPoint, mountOptions: [] }
    const module = server('narwhal-server.nix', { storeFilesystem })
    expect(/dataDir = lib\.mkDefault "(.*)";/.exec(module)?.[1]).toBe(dataDir)
    const reading = readConfig({ text: server('narwhal.toml', { storeFilesystem }) })
    expect(reading.ok && reading.config.dataDir).toBe(dataDir ?? './narwhal-data')
  })
})

describe('builds on another machine', () => {
  const buildMachine = { host: 'big.lan', user: 'nix-builder', maxJobs: 8 }

  test('it is named with a key that stays out of the store, and fetches for itself', () => {
    const text = server('narwhal-server.nix', { buildMachine })
    expect(text).toContain('hostName = "big.lan";')
    expect(text).toContain('sshKey = "/etc/nix/builder_ed25519";')
    expect(text).toContain('maxJobs = 8;')
    expect(text).toContain('nix.settings.builders-use-substitutes = true;')
    expect(text).toContain("ssh-keygen -t ed25519 -N '' -f /etc/nix/builder_ed25519")
  })

  test('what nobody said is 1, and said to be unknown', () => {
    const text = server('narwhal-server.nix', {
      buildMachine: { ...buildMachine, maxJobs: undefined },
    })
    expect(text).toContain('maxJobs = 1;')
    expect(text).toMatch(/can build at once is not known here/)
  })

  test('a machine that does not tell its architecture leaves that to NixOS', () => {
    const text = server('narwhal-server.nix', { buildMachine, platform: undefined })
    expect(text).toContain('systems = [ pkgs.stdenv.hostPlatform.system ];')
  })

  test('nix.conf says the same', () => {
    const features = 'big-parallel,benchmark,nixos-test'
    const line = `builders = ssh-ng://nix-builder@big.lan x86_64-linux /etc/nix/builder_ed25519 8 1 ${features}\n`
    expect(server('nix.conf', { buildMachine })).toContain(line)
    expect(client('nix.conf', { buildMachine })).toContain(line)
  })

  test('it goes to the machine it is asked for, not to all its clients', () => {
    expect(server('narwhal-client.nix', { buildMachine })).not.toContain('buildMachines')
    expect(client('narwhal-client.nix', { buildMachine })).toContain('buildMachines')
  })
})

describe('--tune', () => {
  const tuning = { bitsPerSecond: 1e9, memoryBytes: 16 * 2 ** 30 }
  const buffer = (changes: Partial<typeof tuning> | { bitsPerSecond: undefined }) =>
    Number(
      /rmem_max" = lib.mkDefault (\d+)/.exec(
        server('narwhal-server.nix', { tuning: { ...tuning, ...changes } }),
      )?.[1],
    )

  test('nothing of it without being asked', () => {
    expect(server('narwhal-server.nix')).not.toMatch(/bbr|rmem/)
  })

  test('it says where it helps and where it does not', () => {
    const text = server('narwhal-server.nix', { tuning })
    expect(text).toMatch(/# Helps: /)
    expect(text).toMatch(/# Does not help: a cable or a switch\. 1 Gbit\/s × 0\.5 ms = 62\.5 kB/)
  })

  test('buffers hold what is on a far path twice, within a share of the memory', () => {
    const MiB = 2 ** 20
    expect(buffer({})).toBe(23 * MiB)
    expect(buffer({ bitsPerSecond: undefined })).toBe(23 * MiB)
    expect(buffer({ bitsPerSecond: 1e7 })).toBe(6 * MiB)
    expect(buffer({ memoryBytes: 2 ** 30 })).toBe(8 * MiB)
    expect(buffer({ memoryBytes: 2 ** 28 })).toBe(6 * MiB)
  })
})

describe('what is not ready, or not known, is proposed and not set', () => {
  test('pushing takes files that have to be made first', () => {
    const text = server('narwhal-server.nix', { role: 'cache' })
    expect(text).toMatch(/^ {2}#services\.narwhal\.signingKeyFile = /m)
    expect(text).toMatch(/^ {2}#services\.narwhal\.tokensFile = /m)
    expect(server('narwhal-server.nix')).not.toMatch(/signingKeyFile|tokensFile/)
  })

  test('a signing key that is there is used, and never as a path literal', () => {
    const signingKeyFile = '/etc/narwhal/cache.secret'
    expect(server('narwhal-server.nix', { signingKeyFile })).toMatch(
      /^ {2}services\.narwhal\.signingKeyFile = "\/etc\/narwhal\/cache\.secret";$/m,
    )
    expect(server('narwhal.toml', { signingKeyFile })).toContain('[signing]\n# Signs')
  })

  test.each([
    ['2.31.2', /^max-substitution-jobs = 4$/m],
    ['2.8.0', /^# Needs Nix 2\.16; here is 2\.8\.0\. Why\.[\s\S]*^#max-substitution-jobs = 4$/m],
    [
      undefined,
      /^# Needs Nix 2\.16; the version here is not known\.[\s\S]*^#max-substitution-jobs = 4$/m,
    ],
  ])('nix.conf for Nix %s', (nixVersion, pattern) => {
    expect(server('nix.conf', { nixVersion })).toMatch(pattern)
  })

  test.each([
    ['2.31.2', /^ {2}nix\.settings\.max-substitution-jobs = /m],
    ['2.8.0', /^ {2}#nix\.settings\.max-substitution-jobs = /m],
    // a NixOS that has these options has a Nix that knows the settings
    [undefined, /^ {2}nix\.settings\.max-substitution-jobs = /m],
  ])('the module for Nix %s', (nixVersion, pattern) => {
    expect(server('narwhal-server.nix', { nixVersion })).toMatch(pattern)
  })
})

describe('keys and warnings', () => {
  const key = 'own-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='

  test('a key is believed by narwhal, beside that of cache.nixos.org, by this machine and by clients', () => {
    const reading = readConfig({ text: server('narwhal.toml', { publicKeys: [key] }) })
    expect(reading.ok && reading.config.trustedPublicKeys.map((one) => one.split(':')[0])).toEqual([
      'cache.nixos.org-1',
      'own-1',
    ])
    for (const name of ['narwhal-server.nix', 'narwhal-client.nix'] as const)
      expect(server(name, { publicKeys: [key] })).toContain(`trusted-public-keys = [ "${key}" ];`)
    expect(client('nix.conf', { publicKeys: [key] })).toContain(
      `extra-trusted-public-keys = ${key}\n`,
    )
  })

  test('that a machine is too small stands at the top of its files', () => {
    const warning = 'This machine is too small.'
    for (const name of ['narwhal-server.nix', 'narwhal.toml', 'nix.conf'] as const)
      expect(server(name, { warning }).split('\n').slice(0, 12)).toContain(`# ${warning}`)
  })

  test('where nothing is built, it says how to change the machine at all', () => {
    const nix = [setting('max-jobs', 0)]
    expect(server('narwhal-server.nix', { nix })).toMatch(
      /Nothing is built here[\s\S]*--target-host/,
    )
    const buildMachine = { host: 'big.lan', user: 'a', maxJobs: 1 }
    expect(server('narwhal-server.nix', { nix, buildMachine })).not.toMatch(/Nothing is built here/)
  })
})
