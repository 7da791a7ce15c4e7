/**
 * What advice knows of a machine: read on the spot (src/host), given by hand, or from a file.
 *
 * A fact that is not known is undefined; advice then says what it assumed instead, and never takes
 * "unknown" for zero.
 */
export interface Machine {
  readonly cpu: Cpu
  readonly memory: Memory
  /** the disk that holds the Nix store and the cache first */
  readonly disks: readonly Disk[]
  /** the link clients come over first */
  readonly links: readonly Link[]
  readonly system: System
  readonly troubles: Troubles
  readonly measured: Measured
}

export interface Cpu {
  readonly model: string | undefined
  /** cores this machine may keep busy; a control group's share need not be a whole number */
  readonly cores: number
  readonly threads: number
  /** as Node names it: x64, arm64, … */
  readonly architecture: string | undefined
  readonly maxMegahertz: number | undefined
  /** those that matter to hashing and packing: sha_ni, aes, avx2, asimd, sha2, … */
  readonly features: readonly string[]
  /** times the firmware slowed the CPU down for heat since boot */
  readonly throttledCount: number | undefined
}

export interface Memory {
  /** MemTotal, or the control group's limit where that is less */
  readonly totalBytes: number
  readonly availableBytes: number | undefined
  /** of compressed swap in memory: the size it may grow to uncompressed */
  readonly zramBytes: number
  /** swap on disks */
  readonly diskSwapBytes: number
  readonly swappiness: number | undefined
  /** true where a control group, not the machine, sets totalBytes */
  readonly isLimited: boolean
}

export const diskKinds = ['hdd', 'ssd', 'nvme', 'emmc', 'sd', 'usb', 'virtual', 'tmpfs'] as const
export type DiskKind = (typeof diskKinds)[number]

export interface Disk {
  readonly name: string
  /** undefined: the machine does not say */
  readonly kind: DiskKind | undefined
  readonly model: string | undefined
  readonly totalBytes: number | undefined
  readonly freeBytes: number | undefined
  readonly freeInodeShare: number | undefined
  readonly filesystem: string | undefined
  readonly mountPoint: string | undefined
  readonly mountOptions: readonly string[]
  readonly scheduler: string | undefined
  /** what the disk, or its RAID, says of itself, where that can be read without root */
  readonly isHealthy: boolean | undefined
}

export interface Link {
  readonly name: string
  readonly kind: 'ethernet' | 'wifi' | 'virtual' | undefined
  readonly bitsPerSecond: number | undefined
  readonly duplex: 'full' | 'half' | undefined
  readonly driver: string | undefined
  readonly mtu: number | undefined
  readonly isUp: boolean | undefined
  readonly hasDefaultRoute: boolean
  /** with prefix length: 192.168.1.20/24 */
  readonly addresses: readonly string[]
}

export interface System {
  /** PRETTY_NAME of os-release(5) */
  readonly distribution: string | undefined
  readonly isNixos: boolean
  readonly kernel: string | undefined
  readonly virtualization: 'vm' | 'container' | 'none' | undefined
  readonly nixVersion: string | undefined
  /** nix.conf as `nix show-config` tells it: max-jobs, cores, substituters, … */
  readonly nixSettings: Readonly<Record<string, string>>
  readonly storeBytes: number | undefined
  readonly storePathCount: number | undefined
  readonly gcRootCount: number | undefined
  readonly generationCount: number | undefined
}

/** Signs of what has been too little. */
export interface Troubles {
  /** processes the kernel killed for want of memory since boot */
  readonly oomKills: number | undefined
  /** share of the last five minutes in which somebody waited for it, 0 to 1 (PSI, avg300) */
  readonly memoryPressure: number | undefined
  readonly ioPressure: number | undefined
  readonly cpuPressure: number | undefined
  /** share of time the first disk was at work, 0 to 1 */
  readonly diskUtilization: number | undefined
  /** share of CPU time in use, 0 to 1 */
  readonly cpuUtilization: number | undefined
}

/** Undefined until it was measured on this machine. */
export interface Measured {
  readonly diskReadBytesPerSecond?: number | undefined
  readonly diskWriteBytesPerSecond?: number | undefined
  readonly diskRandomReadsPerSecond?: number | undefined
  /** bytes unpacked per second by one core with narwhal's own decoder */
  readonly xzDecodeBytesPerSecond?: number | undefined
  /** bytes packed per second by one core, level 3 */
  readonly zstdEncodeBytesPerSecond?: number | undefined
  readonly zstdDecodeBytesPerSecond?: number | undefined
  readonly sha256BytesPerSecond?: number | undefined
  readonly loopbackBytesPerSecond?: number | undefined
  readonly loopbackLatencyMs?: number | undefined
  readonly linkBytesPerSecond?: number | undefined
  readonly linkLatencyMs?: number | undefined
  /** share of packets lost, 0 to 1 */
  readonly linkLoss?: number | undefined
}
