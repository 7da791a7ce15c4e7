import { hostname } from 'node:os'
import { type ConnectionCount, countConnections } from '../../host/connections.ts'
import { type CpuReading, cpuUsage, readCpuTimes } from '../../host/cpu-times.ts'
import { type DiskReading, disksUnder, readDisks } from '../../host/disk-activity.ts'
import { readMemory } from '../../host/memory.ts'
import { type InterfaceReading, readInterfaces } from '../../host/network-activity.ts'
import { type NixStoreReading, readNixStore } from '../../host/nix-store.ts'
import { readPressure } from '../../host/pressure.ts'
import { listRecentBuilds, type RecentBuild } from '../../host/recent-builds.ts'
import { readSwap } from '../../host/swap.ts'
import { readSystemFile, systemRoots } from '../../host/system-files.ts'
import type { DiskSample, HostSample, InterfaceSample } from './sample.ts'

/** What has to be read twice to tell something. */
interface Counters {
  readonly atMs: number
  readonly cpu: CpuReading | undefined
  readonly disks: readonly DiskReading[]
  readonly interfaces: readonly InterfaceReading[]
}

/** What is dear to read and changes slowly. */
interface SlowFacts {
  readonly readAtMs: number
  readonly store: NixStoreReading | undefined
  readonly builds: readonly RecentBuild[] | undefined
}

const slowMs = 30_000
const shownBuilds = 20

/** Reads this machine again and again, and tells what happened in between. */
export class HostSampler {
  readonly #dataDir: string
  #before: Counters = readCounters()
  #slow: SlowFacts | undefined

  /** @param dataDir whose disk is marked */
  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  /** @param serverPort where the server listens on this machine */
  async sample(serverPort: number | undefined): Promise<HostSample> {
    const before = this.#before
    const after = readCounters()
    this.#before = after
    const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1000)
    const { store, builds } = await this.#slowFacts(after.atMs)
    const { totalBytes, availableBytes } = readMemory()
    const { cpuPercent, memoryPercent, loadAverage } = readPressure()
    const cpu = cpuSample(before.cpu, after.cpu)
    const swap = readSwap()
    const connections = countConnections()
    return {
      name: hostname(),
      ...(cpu && { cpu }),
      ...(loadAverage !== undefined && { loadAverage }),
      pressure: defined({ cpuPercent, memoryPercent, diskPercent: diskPressure() }),
      ...(totalBytes !== undefined &&
        availableBytes !== undefined && { memory: { totalBytes, availableBytes } }),
      ...(swap && { swap }),
      disks: diskSamples(before, after, { seconds, dataDisks: disksUnder(this.#dataDir) }),
      interfaces: interfaceSamples(before, after, seconds),
      ...(connections && { connections: connectionSample(connections, serverPort) }),
      ...(store && { store }),
      ...(builds && builds.length > 0 && { builds }),
    }
  }

  async #slowFacts(nowMs: number): Promise<SlowFacts> {
    if (this.#slow === undefined || nowMs - this.#slow.readAtMs > slowMs) {
      const [store, builds] = await Promise.all([readNixStore(), listRecentBuilds(shownBuilds)])
      this.#slow = { readAtMs: nowMs, store, builds }
    }
    return this.#slow
  }
}

function readCounters(): Counters {
  return {
    atMs: performance.now(),
    cpu: readCpuTimes(),
    disks: readDisks(),
    interfaces: readInterfaces(),
  }
}

function cpuSample(
  before: CpuReading | undefined,
  after: CpuReading | undefined,
): HostSample['cpu'] {
  if (before === undefined || after === undefined) return undefined
  const all = cpuUsage(before.all, after.all)
  if (all === undefined) return undefined
  // A core that was taken away or added in between has no usage.
  const cores = after.cores.flatMap((core, at) => {
    const earlier = before.cores[at]
    return (earlier && cpuUsage(earlier, core)) ?? []
  })
  return { all, cores }
}

function diskSamples(
  before: Counters,
  after: Counters,
  { seconds, dataDisks }: { seconds: number; dataDisks: readonly string[] },
): DiskSample[] {
  return after.disks.flatMap((disk) => {
    const earlier = before.disks.find(({ name }) => name === disk.name)
    const holdsData = dataDisks.includes(disk.name)
    // Readers of cards and the like are listed without ever having been used.
    if (!earlier || (disk.readBytes + disk.writtenBytes === 0 && !holdsData)) return []
    return {
      name: disk.name,
      readBytesPerSecond: Math.max(0, disk.readBytes - earlier.readBytes) / seconds,
      writtenBytesPerSecond: Math.max(0, disk.writtenBytes - earlier.writtenBytes) / seconds,
      busyPercent: Math.min(100, Math.max(0, (disk.busyMs - earlier.busyMs) / seconds / 10)),
      holdsData,
    }
  })
}

function interfaceSamples(before: Counters, after: Counters, seconds: number): InterfaceSample[] {
  const samples = after.interfaces.flatMap(({ name, receivedBytes, sentBytes, speedMbits }) => {
    const earlier = before.interfaces.find((other) => other.name === name)
    if (!earlier) return []
    return {
      name,
      receivedBytesPerSecond: Math.max(0, receivedBytes - earlier.receivedBytes) / seconds,
      sentBytesPerSecond: Math.max(0, sentBytes - earlier.sentBytes) / seconds,
      ...(speedMbits !== undefined && { speedMbits }),
    }
  })
  // The loopback is the least interesting.
  return samples.sort((a, b) => Number(a.name === 'lo') - Number(b.name === 'lo'))
}

function connectionSample(
  { established, byPort }: ConnectionCount,
  port: number | undefined,
): NonNullable<HostSample['connections']> {
  return { established, ...(port !== undefined && { toServer: byPort.get(port) ?? 0 }) }
}

function diskPressure(): number | undefined {
  const text = readSystemFile(systemRoots.proc, 'pressure/io') ?? ''
  const found = /^some avg10=(\d+\.\d+)/m.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

function defined<Facts extends Record<string, number | undefined>>(facts: Facts) {
  const known = Object.entries(facts).filter(([, fact]) => fact !== undefined)
  return Object.fromEntries(known) as { [Name in keyof Facts]: number }
}
