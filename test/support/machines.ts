import { describedMachine } from '../../src/advice/described-machine.ts'
import type { Disk, Link, Machine, Troubles } from '../../src/advice/machine.ts'

const GB = 1e9
/** As /proc/meminfo counts. */
const KiB = 1024

const calm: Troubles = {
  oomKills: 0,
  memoryPressure: 0,
  ioPressure: 0.01,
  cpuPressure: 0.01,
  diskUtilization: 0.05,
  cpuUtilization: 0.1,
}

const rootDisk: Partial<Disk> = {
  filesystem: 'ext4',
  mountPoint: '/',
  mountOptions: ['rw', 'relatime'],
  freeInodeShare: 0.9,
}

const gigabit: Partial<Link> = {
  name: 'enp2s0',
  kind: 'ethernet',
  bitsPerSecond: 1e9,
  duplex: 'full',
  driver: 'r8169',
  mtu: 1500,
  isUp: true,
  addresses: ['192.168.1.20/24'],
}

const nixos: Partial<Machine['system']> = {
  distribution: 'NixOS 25.11 (Xantusia)',
  isNixos: true,
  kernel: '6.12.58',
  virtualization: 'none',
  nixVersion: '2.31.2',
  nixSettings: { 'max-jobs': 'auto', cores: '0', 'auto-optimise-store': 'false' },
}

/**
 * Ten machines that people put a cache on, as they tell of themselves. Firmware and graphics take
 * their share: "4 GB" is 3.7 GiB. Free space and stores are those of a machine in use.
 */
export const machines = {
  /** the machine narwhal is for: an office computer of 2018 with the disk it came with */
  'pentium-hdd': describedMachine({
    cpu: {
      model: 'Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz',
      cores: 2,
      threads: 4,
      architecture: 'x64',
      maxMegahertz: 3700,
      features: ['aes', 'sse4_2'],
      throttledCount: 0,
    },
    memory: { totalBytes: 3_879_520 * KiB, availableBytes: 3_012_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'sda',
        kind: 'hdd',
        model: 'WDC WD5000AAKX-0',
        totalBytes: 491 * GB,
        freeBytes: 380 * GB,
        scheduler: 'mq-deadline',
      },
    ],
    links: [gigabit],
    system: { ...nixos, storeBytes: 34 * GB, storePathCount: 14_200, generationCount: 38 },
    troubles: calm,
  }),

  'raspberry-pi-4': describedMachine({
    cpu: {
      model: 'Cortex-A72',
      cores: 4,
      threads: 4,
      architecture: 'arm64',
      maxMegahertz: 1800,
      features: ['asimd', 'crc32'],
      throttledCount: 3,
    },
    memory: { totalBytes: 3_882_340 * KiB, availableBytes: 3_310_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'mmcblk1',
        kind: 'sd',
        model: 'SC64G',
        totalBytes: 62 * GB,
        freeBytes: 41 * GB,
        scheduler: 'mq-deadline',
      },
    ],
    links: [{ ...gigabit, name: 'end0', driver: 'bcmgenet' }],
    system: { ...nixos, storeBytes: 11 * GB, storePathCount: 5200, generationCount: 9 },
    troubles: calm,
  }),

  'vps-2gb': describedMachine({
    cpu: {
      model: 'AMD EPYC Processor',
      cores: 2,
      threads: 2,
      architecture: 'x64',
      features: ['aes', 'sse4_2', 'avx2', 'sha_ni'],
    },
    memory: { totalBytes: 2_014_560 * KiB, availableBytes: 1_620_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'vda',
        kind: 'virtual',
        totalBytes: 40 * GB,
        freeBytes: 24 * GB,
        scheduler: 'none',
      },
    ],
    // a virtual card tells no speed; the provider says 1 Gbit/s
    links: [
      {
        ...gigabit,
        name: 'ens3',
        kind: 'virtual',
        driver: 'virtio_net',
        addresses: ['203.0.113.7/24'],
      },
    ],
    system: {
      ...nixos,
      virtualization: 'vm',
      storeBytes: 9 * GB,
      storePathCount: 4100,
      generationCount: 12,
    },
    troubles: calm,
  }),

  'old-laptop-wifi': describedMachine({
    cpu: {
      model: 'Intel(R) Core(TM) i5-3320M CPU @ 2.60GHz',
      cores: 2,
      threads: 4,
      architecture: 'x64',
      maxMegahertz: 3300,
      features: ['aes', 'avx', 'sse4_2'],
      throttledCount: 41,
    },
    memory: { totalBytes: 3_823_120 * KiB, availableBytes: 2_700_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'sda',
        kind: 'ssd',
        model: 'Samsung SSD 850',
        totalBytes: 245 * GB,
        freeBytes: 150 * GB,
        scheduler: 'mq-deadline',
        isHealthy: true,
      },
    ],
    links: [
      {
        name: 'wlp3s0',
        kind: 'wifi',
        driver: 'iwlwifi',
        mtu: 1500,
        isUp: true,
        hasDefaultRoute: true,
        addresses: ['192.168.1.23/24'],
      },
      {
        name: 'enp0s25',
        kind: 'ethernet',
        driver: 'e1000e',
        mtu: 1500,
        isUp: false,
        hasDefaultRoute: false,
      },
    ],
    system: { ...nixos, storeBytes: 41 * GB, storePathCount: 17_800, generationCount: 61 },
    troubles: calm,
  }),

  'n100-nvme': describedMachine({
    cpu: {
      model: 'Intel(R) N100',
      cores: 4,
      threads: 4,
      architecture: 'x64',
      maxMegahertz: 3400,
      features: ['aes', 'avx2', 'sha_ni', 'sse4_2'],
      throttledCount: 0,
    },
    memory: {
      totalBytes: 16_124_000 * KiB,
      availableBytes: 14_600_000 * KiB,
      zramBytes: 8_062_000 * KiB,
      swappiness: 180,
    },
    disks: [
      {
        ...rootDisk,
        name: 'nvme0n1',
        kind: 'nvme',
        model: 'WD Blue SN580 500GB',
        filesystem: 'btrfs',
        mountPoint: '/nix',
        mountOptions: ['rw', 'noatime', 'compress=zstd:3', 'ssd', 'discard=async'],
        totalBytes: 499 * GB,
        freeBytes: 402 * GB,
        scheduler: 'none',
        isHealthy: true,
      },
    ],
    links: [{ ...gigabit, bitsPerSecond: 2.5e9, driver: 'igc' }],
    system: { ...nixos, storeBytes: 52 * GB, storePathCount: 21_000, generationCount: 17 },
    troubles: calm,
  }),

  'dual-xeon': describedMachine({
    cpu: {
      model: 'Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz',
      cores: 28,
      threads: 56,
      architecture: 'x64',
      maxMegahertz: 3300,
      features: ['aes', 'avx2', 'sse4_2'],
      throttledCount: 0,
    },
    memory: { totalBytes: 65_738_000 * KiB, availableBytes: 61_000_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'sda',
        kind: 'ssd',
        model: 'INTEL SSDSC2BB96',
        filesystem: 'xfs',
        totalBytes: 959 * GB,
        freeBytes: 610 * GB,
        scheduler: 'mq-deadline',
        isHealthy: true,
      },
      { name: 'sdb', kind: 'hdd', model: 'ST4000NM0033-9ZM', totalBytes: 4000 * GB },
    ],
    links: [{ ...gigabit, name: 'eno1', driver: 'ixgbe', bitsPerSecond: 10e9 }],
    system: { ...nixos, storeBytes: 210 * GB, storePathCount: 96_000, generationCount: 120 },
    troubles: calm,
  }),

  'router-1gb': describedMachine({
    cpu: {
      model: 'Cortex-A53',
      cores: 4,
      threads: 4,
      architecture: 'arm64',
      maxMegahertz: 1350,
      features: ['aes', 'asimd', 'crc32', 'sha1', 'sha2'],
    },
    // 1 GiB less what the kernel and its reserved regions hold back
    memory: { totalBytes: 1_001_200 * KiB, availableBytes: 780_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'sda',
        kind: 'usb',
        model: 'USB Flash Disk',
        mountPoint: '/mnt/usb',
        totalBytes: 120 * GB,
        freeBytes: 110 * GB,
        scheduler: 'mq-deadline',
      },
    ],
    links: [{ ...gigabit, name: 'lan1', driver: 'mtk_soc_eth', addresses: ['192.168.1.1/24'] }],
    system: {
      distribution: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.6.63',
      virtualization: 'none',
    },
    troubles: { ...calm, memoryPressure: undefined, ioPressure: undefined, cpuPressure: undefined },
  }),

  'office-server': describedMachine({
    cpu: {
      model: 'Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz',
      cores: 4,
      threads: 4,
      architecture: 'x64',
      maxMegahertz: 3600,
      features: ['aes', 'avx2', 'sse4_2'],
      throttledCount: 0,
    },
    memory: { totalBytes: 8_048_600 * KiB, availableBytes: 6_500_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'sda',
        kind: 'hdd',
        model: 'ST1000DM010-2EP1',
        totalBytes: 983 * GB,
        freeBytes: 540 * GB,
        scheduler: 'bfq',
        isHealthy: true,
      },
    ],
    links: [{ ...gigabit, name: 'enp0s31f6', driver: 'e1000e' }],
    system: { ...nixos, storeBytes: 180 * GB, storePathCount: 71_000, generationCount: 44 },
    troubles: { ...calm, diskUtilization: 0.62, ioPressure: 0.18, cpuUtilization: 0.35 },
  }),

  'virtual-machine-4gb': describedMachine({
    cpu: {
      model: 'QEMU Virtual CPU version 2.5+',
      cores: 2,
      threads: 2,
      architecture: 'x64',
      features: ['aes', 'sse4_2'],
    },
    memory: { totalBytes: 4_018_000 * KiB, availableBytes: 3_400_000 * KiB, swappiness: 60 },
    disks: [
      {
        ...rootDisk,
        name: 'vda',
        kind: 'virtual',
        totalBytes: 64 * GB,
        freeBytes: 38 * GB,
        scheduler: 'none',
      },
    ],
    links: [
      {
        ...gigabit,
        name: 'ens18',
        driver: 'virtio_net',
        kind: 'virtual',
        bitsPerSecond: undefined,
        duplex: undefined,
      },
    ],
    system: { ...nixos, virtualization: 'vm', storeBytes: 15 * GB, storePathCount: 6900 },
    troubles: calm,
  }),

  'under-pressure': describedMachine({
    cpu: {
      model: 'Intel(R) Core(TM) i3-4130 CPU @ 3.40GHz',
      cores: 2,
      threads: 4,
      architecture: 'x64',
      maxMegahertz: 3400,
      features: ['avx2', 'sse4_2'],
      throttledCount: 0,
    },
    memory: {
      totalBytes: 3_914_000 * KiB,
      availableBytes: 210_000 * KiB,
      diskSwapBytes: 2_097_148 * KiB,
      swappiness: 60,
    },
    disks: [
      {
        ...rootDisk,
        name: 'sda',
        kind: 'hdd',
        model: 'TOSHIBA DT01ACA0',
        totalBytes: 491 * GB,
        freeBytes: 22 * GB,
        scheduler: 'mq-deadline',
      },
    ],
    links: [gigabit],
    system: {
      ...nixos,
      nixSettings: { ...nixos.nixSettings, 'max-jobs': '4' },
      storeBytes: 330 * GB,
      storePathCount: 141_000,
      generationCount: 212,
    },
    troubles: {
      oomKills: 7,
      memoryPressure: 0.42,
      ioPressure: 0.55,
      cpuPressure: 0.12,
      diskUtilization: 0.97,
      cpuUtilization: 0.48,
    },
  }),
} as const satisfies Readonly<Record<string, Machine>>

export type MachineName = keyof typeof machines
