import { describe, expect, test } from 'vitest'
import { assess } from '../../src/advice/assess.ts'
import type { BandName } from '../../src/advice/bands.ts'
import type { Part } from '../../src/advice/bottleneck.ts'
import { findBottlenecks } from '../../src/advice/bottlenecks.ts'
import type { Role } from '../../src/advice/roles.ts'
import { findSlowness } from '../../src/advice/slowness.ts'
import { type UpgradeNeed, upgradeNeed } from '../../src/advice/upgrade-need.ts'
import type { Verdict } from '../../src/advice/verdict.ts'
import { type MachineName, machines } from '../support/machines.ts'

/** What an expert would tell of one machine. */
interface Scenario {
  readonly band: BandName
  readonly answers: Readonly<Record<Role, Verdict['answer']>>
  readonly bottlenecks: readonly string[]
  readonly slow: Part | undefined
  readonly upgradeNeed: UpgradeNeed
  /** the role it is best for, whose settings and sentences are looked at */
  readonly role: Role
  readonly settings: Readonly<Record<string, string | number | boolean | undefined>>
  /** each must be said somewhere: verdict, limits, expectations, upgrade */
  readonly says: readonly (string | RegExp)[]
  readonly neverSays?: readonly RegExp[]
}

const narwhalHigh = 'systemd.services.narwhal.serviceConfig.MemoryHigh'
const daemonMax = 'systemd.services.nix-daemon.serviceConfig.MemoryMax'
const rotational = 'hardware.block.defaultSchedulerRotational'

const scenarios: Readonly<Record<MachineName, Scenario>> = {
  'pentium-hdd': {
    band: 'small-builder',
    answers: { proxy: 'yes', cache: 'yes', builder: 'yes, if' },
    bottlenecks: ['no-zram', 'few-build-slots', 'hdd', 'xz-stream'],
    slow: 'disk',
    upgradeNeed: 'none',
    role: 'builder',
    settings: {
      'max-jobs': 1,
      cores: 1,
      'cache.max_size': '132GiB',
      'prefetch.max_concurrent': 8,
      'recompress.enabled': 'auto',
      'zramSwap.memoryPercent': 78,
      'auto-optimise-store': false,
      'nix.optimise.automatic': true,
      [rotational]: 'bfq',
      'services.fstrim.enable': undefined,
      [narwhalHigh]: '480M',
      [daemonMax]: '2563M',
    },
    says: [
      '(3.7 GiB − 1.0 GiB system − 307 MiB narwhal) / 2.0 GiB = 1.20; min(1, 4 threads) = 1',
      'one package at a time with one process is fast enough',
      'zram is on',
      'Too large to build here: chromium',
      'the hard disk brings 160 MB/s to one reader, less to several',
      'Memory: with 8.0 GiB, 3 compile processes at once instead of 1.',
    ],
  },
  'raspberry-pi-4': {
    band: 'small-builder',
    answers: { proxy: 'yes', cache: 'yes, if', builder: 'yes, if' },
    bottlenecks: [
      'throttled',
      'no-zram',
      'few-build-slots',
      'sd',
      'disk-slower-than-link',
      'xz-stream',
    ],
    slow: 'disk',
    upgradeNeed: 'none',
    role: 'cache',
    settings: {
      'cache.max_size': '28GiB',
      'limits.max_upload': '3614MiB',
      'nix.gc.dates': 'daily',
      'zramSwap.algorithm': 'zstd',
      'hardware.block.defaultScheduler': 'mq-deadline',
      'services.fstrim.enable': true,
      'keep-outputs': false,
    },
    says: [
      'the SD card fills 37 % of the link',
      'SD cards fail without a warning',
      'A SATA SSD: NARs leave at 118 MB/s instead of 44 MB/s.',
    ],
    neverSays: [/dmidecode/],
  },
  'vps-2gb': {
    band: 'single-job',
    answers: { proxy: 'yes', cache: 'yes', builder: 'no' },
    bottlenecks: ['no-zram', 'few-build-slots', 'xz-stream'],
    slow: 'network',
    upgradeNeed: 'none',
    role: 'builder',
    settings: {
      'max-jobs': 0,
      'http-connections': 8,
      'max-substitution-jobs': 4,
      'zramSwap.memoryPercent': 100,
      'hardware.block.scheduler."vd[a-z]*"': 'none',
      'min-free': 2_000_000_000,
      'max-free': 6_000_000_000,
      [narwhalHigh]: '480M',
    },
    says: [
      '1.9 GiB are below the 3.3 GiB that one compile process needs',
      'nixos-rebuild --target-host',
      'zram makes room for 2.9 GiB',
      'To 8 GB of memory: 2 compile processes at a time; 4 GB hold 1 compile process.',
      "a setting of the host, or the provider's next plan",
      'Proxy only, for which this machine is enough',
      'how fast the virtual disk is, is not known',
    ],
    neverSays: [/dmidecode/],
  },
  'old-laptop-wifi': {
    band: 'small-builder',
    answers: { proxy: 'yes', cache: 'yes', builder: 'yes, if' },
    bottlenecks: ['throttled', 'no-zram', 'few-build-slots', 'wifi'],
    slow: 'network',
    upgradeNeed: 'none',
    role: 'proxy',
    settings: {
      'cache.max_size': '102GiB',
      'recompress.enabled': 'auto',
      'auto-optimise-store': true,
      'services.fstrim.enable': true,
      'hardware.block.defaultScheduler': 'mq-deadline',
    },
    says: [
      'NARs leave as fast as the WiFi carries them, which is not known and changes',
      'A cable to a gigabit port, about $5: 118 MB/s, always, and 0.1 to 0.5 ms instead of 2 to 10 ms.',
    ],
    neverSays: [/GB\/s/],
  },
  'n100-nvme': {
    band: 'builder',
    answers: { proxy: 'yes', cache: 'yes', builder: 'yes, if' },
    bottlenecks: ['xz-stream'],
    slow: 'network',
    upgradeNeed: 'none',
    role: 'builder',
    settings: {
      'max-jobs': 2,
      cores: 2,
      'zramSwap.memoryPercent': 50,
      'zramSwap.algorithm': 'zstd',
      'hardware.block.scheduler."nvme[0-9]*"': 'none',
      'auto-optimise-store': true,
      'nix.optimise.automatic': undefined,
      'nix.daemonIOSchedClass': 'best-effort',
    },
    says: [
      'min(7, 4 threads) = 4',
      'webkitgtk',
      'NARs leave at up to 294 MB/s: the link is the bound',
      'None: no part of this machine holds the others back.',
    ],
    neverSays: [/zram is on/, /chromium/],
  },
  'dual-xeon': {
    band: 'builder',
    answers: { proxy: 'yes', cache: 'yes', builder: 'yes' },
    bottlenecks: ['disk-slower-than-link', 'xz-stream'],
    slow: 'disk',
    upgradeNeed: 'none',
    role: 'builder',
    settings: {
      'max-jobs': 5,
      cores: 6,
      'recompress.workers': 2,
      'hardware.block.defaultScheduler': 'mq-deadline',
      [rotational]: 'bfq',
    },
    says: [
      'Room for 30 compile processes at a time',
      'the SATA SSD fills 47 % of the link',
      'An NVMe SSD: what is not in memory leaves at 1.2 GB/s instead of 550 MB/s.',
    ],
    neverSays: [/Too large to build/],
  },
  'router-1gb': {
    band: 'proxy-only',
    answers: { proxy: 'yes', cache: 'yes, if', builder: 'no' },
    bottlenecks: ['no-zram', 'few-build-slots', 'usb', 'disk-slower-than-link', 'xz-stream'],
    slow: 'disk',
    upgradeNeed: 'none',
    role: 'proxy',
    settings: {
      'max-jobs': 0,
      'cache.memory': '32MiB',
      'prefetch.max_concurrent': 8,
      'limits.max_clients': 512,
      'recompress.enabled': 'auto',
      'recompress.workers': undefined,
      'zramSwap.algorithm': 'lz4',
      'zramSwap.memoryPercent': 100,
      'services.narwhal.memoryMax': '384M',
      [narwhalHigh]: '256M',
      [daemonMax]: undefined,
    },
    says: [
      'the USB disk fills 30 % of the link',
      'A SATA SSD: NARs leave at 118 MB/s instead of 35 MB/s.',
    ],
    neverSays: [/packed anew/],
  },
  'office-server': {
    band: 'builder',
    answers: { proxy: 'yes', cache: 'yes', builder: 'yes, if' },
    bottlenecks: ['few-build-slots', 'hdd', 'xz-stream'],
    slow: 'disk',
    upgradeNeed: 'none',
    role: 'builder',
    settings: {
      'max-jobs': 1,
      cores: 3,
      'cache.max_size': '182GiB',
      [rotational]: 'bfq',
      'nix.daemonIOSchedClass': 'idle',
      [daemonMax]: '6633M',
    },
    says: [
      'Room for 3 compile processes at a time',
      'the largest packages come from a cache',
      'one reader of a hard disk fills the line, several at once do not',
    ],
    neverSays: [/zram is on/],
  },
  'virtual-machine-4gb': {
    band: 'small-builder',
    answers: { proxy: 'yes', cache: 'yes', builder: 'yes, if' },
    bottlenecks: ['no-zram', 'few-build-slots'],
    slow: undefined,
    upgradeNeed: 'none',
    role: 'proxy',
    settings: { 'nix.gc.dates': 'daily', 'recompress.enabled': 'auto', 'cache.max_size': '25GiB' },
    says: ['None that is known to help: how fast the disk and the link are, is not known.'],
    neverSays: [/Spend nothing/],
  },
  'under-pressure': {
    band: 'small-builder',
    answers: { proxy: 'yes, if', cache: 'yes, if', builder: 'yes, if' },
    bottlenecks: [
      'oom-kills',
      'memory-pressure',
      'disk-full',
      'disk-busy',
      'memory-low',
      'no-zram',
      'few-build-slots',
      'hdd',
      'xz-stream',
    ],
    slow: 'memory',
    upgradeNeed: 'ram',
    role: 'builder',
    settings: {
      'max-jobs': 1,
      'cache.max_size': '64MiB',
      'nix.gc.dates': 'daily',
      'nix.gc.options': '--delete-older-than 14d',
    },
    says: [
      'what takes the memory now is found and held to less',
      'the disk, at work 97 % of the time, gets less to do',
      '20 GiB are wanted beside the 23 GiB that always stay free (5 %), and 20 GiB are free',
      'Make room first',
      'Memory: with 8.0 GiB, 3 compile processes at once instead of 1.',
    ],
  },
}

describe.each(Object.entries(scenarios) as [MachineName, Scenario][])('%s', (name, scenario) => {
  const machine = machines[name]
  const assessment = assess(machine, scenario.role)

  test('A2: is enough for what an expert would say it is enough for', () => {
    expect(assessment.band).toBe(scenario.band)
    for (const role of ['proxy', 'cache', 'builder'] as const)
      expect([role, assess(machine, role).verdict.answer]).toEqual([role, scenario.answers[role]])
  })

  test('T1: shows what holds it back, worst first, and where slowness comes from', () => {
    expect(findBottlenecks(machine).map(({ id }) => id)).toEqual(scenario.bottlenecks)
    expect(findSlowness(machine).part).toBe(scenario.slow)
    expect(upgradeNeed(machine).leaf).toBe(scenario.upgradeNeed)
  })

  test('T2: gets settings that fit it', () => {
    const { narwhal, nix, system } = assessment.settings
    const values = new Map([...narwhal, ...nix, ...system].map(({ key, value }) => [key, value]))
    for (const [key, value] of Object.entries(scenario.settings))
      expect([key, values.get(key)]).toEqual([key, value])
  })

  test('is told the figures that matter, and nothing that does not hold for it', () => {
    const { bottlenecks, ...rest } = assessment
    const said = JSON.stringify(rest)
    for (const words of scenario.says)
      if (typeof words === 'string') expect(said).toContain(words)
      else expect(said).toMatch(words)
    for (const words of scenario.neverSays ?? []) expect(said).not.toMatch(words)
  })
})
