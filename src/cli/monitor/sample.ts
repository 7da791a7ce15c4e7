import type { CpuUsage } from '../../host/cpu-times.ts'
import type { NixStoreReading } from '../../host/nix-store.ts'
import type { RecentBuild } from '../../host/recent-builds.ts'
import type { SwapReading } from '../../host/swap.ts'
import type { ShownStatus } from '../status/read-status.ts'
import type { ServerRates } from './server-rates.ts'

/** All that is known at one moment; what `monitor --json` writes. */
export interface Sample {
  /** RFC 3339. */
  readonly at: string
  /** Since the sample before: what rates are taken over. */
  readonly seconds: number
  readonly server: ServerSample
  readonly host: HostSample
}

export interface ServerSample {
  readonly url: string
  /** Undefined where no narwhal answers. */
  readonly status?: ShownStatus
  /** Undefined for the first reading, and after a restart. */
  readonly rates?: ServerRates
  /** Why there is no status. */
  readonly fault?: string
}

/** This machine. What the system does not tell is left out. */
export interface HostSample {
  readonly name: string
  readonly cpu?: { readonly all: CpuUsage; readonly cores: readonly CpuUsage[] }
  readonly loadAverage?: number
  /** Shares of the last ten seconds in which something waited for it, 0 to 100. */
  readonly pressure: {
    readonly cpuPercent?: number
    readonly memoryPercent?: number
    readonly diskPercent?: number
  }
  readonly memory?: { readonly totalBytes: number; readonly availableBytes: number }
  readonly swap?: SwapReading
  readonly disks: readonly DiskSample[]
  readonly interfaces: readonly InterfaceSample[]
  readonly connections?: {
    readonly established: number
    /** To the server's port, where the server is on this machine. */
    readonly toServer?: number
  }
  readonly store?: NixStoreReading
  readonly builds?: readonly RecentBuild[]
}

export interface DiskSample {
  readonly name: string
  readonly readBytesPerSecond: number
  readonly writtenBytesPerSecond: number
  /** Share of the time in which it had something to do. */
  readonly busyPercent: number
  /** Whether narwhal's data directory lies on it. */
  readonly holdsData: boolean
}

export interface InterfaceSample {
  readonly name: string
  readonly receivedBytesPerSecond: number
  readonly sentBytesPerSecond: number
  readonly speedMbits?: number
}
