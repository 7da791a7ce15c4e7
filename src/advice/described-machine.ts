import type { Cpu, Disk, Link, Machine, Measured, Memory, System, Troubles } from './machine.ts'

/** A machine of which only some facts are given: by flags, in a file, in a test. */
export interface MachineDescription {
  readonly cpu?: Partial<Cpu>
  readonly memory?: Partial<Memory>
  readonly disks?: readonly Partial<Disk>[]
  readonly links?: readonly Partial<Link>[]
  readonly system?: Partial<System>
  readonly troubles?: Partial<Troubles>
  readonly measured?: Measured
}

/** What is taken where a description leaves out what no advice can do without. */
export const assumedCores = 2
export const assumedMemoryBytes = 4 * 2 ** 30

/**
 * A whole machine of the facts that are given. All others are unknown, not absent; only for cores and
 * memory something has to be assumed: `assumedCores`, `assumedMemoryBytes`. Threads are as many as
 * cores. No disks and no links in a description mean that nothing is known of them.
 */
export function describedMachine(given: MachineDescription): Machine {
  return {
    cpu: describedCpu(given.cpu ?? {}),
    memory: {
      totalBytes: assumedMemoryBytes,
      availableBytes: undefined,
      zramBytes: 0,
      diskSwapBytes: 0,
      swappiness: undefined,
      isLimited: false,
      ...given.memory,
    },
    disks: (given.disks ?? []).map(describedDisk),
    links: (given.links ?? []).map(describedLink),
    system: { ...unknownSystem, ...given.system },
    troubles: { ...unknownTroubles, ...given.troubles },
    measured: { ...given.measured },
  }
}

function describedCpu(given: Partial<Cpu>): Cpu {
  const cores = given.cores ?? given.threads ?? assumedCores
  return {
    model: undefined,
    threads: Math.max(1, Math.ceil(cores)),
    architecture: undefined,
    maxMegahertz: undefined,
    features: [],
    throttledCount: undefined,
    ...given,
    cores,
  }
}

function describedDisk(given: Partial<Disk>, at: number): Disk {
  return {
    name: `disk${at + 1}`,
    kind: undefined,
    model: undefined,
    totalBytes: undefined,
    freeBytes: undefined,
    freeInodeShare: undefined,
    filesystem: undefined,
    mountPoint: undefined,
    mountOptions: [],
    scheduler: undefined,
    isHealthy: undefined,
    ...given,
  }
}

function describedLink(given: Partial<Link>, at: number): Link {
  return {
    name: `link${at + 1}`,
    kind: undefined,
    bitsPerSecond: undefined,
    duplex: undefined,
    driver: undefined,
    mtu: undefined,
    isUp: undefined,
    hasDefaultRoute: at === 0,
    addresses: [],
    ...given,
  }
}

const unknownSystem: System = {
  distribution: undefined,
  isNixos: false,
  kernel: undefined,
  virtualization: undefined,
  nixVersion: undefined,
  nixSettings: {},
  storeBytes: undefined,
  storePathCount: undefined,
  gcRootCount: undefined,
  generationCount: undefined,
}

const unknownTroubles: Troubles = {
  oomKills: undefined,
  memoryPressure: undefined,
  ioPressure: undefined,
  cpuPressure: undefined,
  diskUtilization: undefined,
  cpuUtilization: undefined,
}
