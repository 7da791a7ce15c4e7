import { leadShare } from '../src/cli/bench/load.ts'
import { type Load, runLoad } from './load.ts'
import type { Series } from './series.ts'
import { type BenchServer, cpuSecondsOf } from './server.ts'

/** What the servers are asked for, and for how long each time. */
export interface Workload {
  readonly narinfoPaths: readonly string[]
  readonly narPath: string
  readonly seconds: number
}

export interface Measurement extends Pick<Series, 'title' | 'unit' | 'target'> {
  measure(server: BenchServer, workload: Workload): Promise<number>
}

/** Taken in this order in every round, of nginx and narwhal in turn. */
export const measurements: readonly Measurement[] = [
  {
    title: 'narinfo latency, 1 connection',
    unit: 'µs',
    target: { of: 'nginx', is: 'at most', value: 1.3 },
    measure: async (server, workload) => {
      const { medianMs } = await timed(server, narinfos(workload, 1))
      return medianMs * 1000
    },
  },
  {
    title: 'narinfo rate, 25 connections',
    unit: 'requests/s',
    target: { of: 'nginx', is: 'at least', value: 0.5 },
    measure: async (server, workload) => {
      const { responses, seconds } = await timed(server, narinfos(workload, 25))
      return responses / seconds
    },
  },
  {
    title: 'CPU time a narinfo, 25 connections',
    unit: 'µs',
    measure: async (server, workload) => {
      const before = cpuSecondsOf(server.pid)
      const { responses } = await spent(server, narinfos(workload, 25))
      return ((cpuSecondsOf(server.pid) - before) * 1e6) / responses
    },
  },
  narThroughput(1),
  narThroughput(4),
  narThroughput(16),
  {
    title: 'CPU time a GB of NAR, 4 readers',
    unit: 'ms',
    measure: async (server, workload) => {
      const before = cpuSecondsOf(server.pid)
      const { bytes } = await spent(server, nars(workload, 4))
      return ((cpuSecondsOf(server.pid) - before) * 1e3) / (bytes / 1e9)
    },
  },
]

function narThroughput(readers: number): Measurement {
  return {
    title: `NAR throughput, ${readers} reader${readers === 1 ? '' : 's'}`,
    unit: 'MB/s',
    target: { of: 'nginx', is: 'at least', value: 0.9 },
    measure: async (server, workload) => {
      const { bytes, seconds } = await timed(server, nars(workload, readers))
      return bytes / seconds / 1e6
    },
  }
}

type Task = Pick<Load, 'paths' | 'connections' | 'seconds'>

function narinfos({ narinfoPaths, seconds }: Workload, connections: number): Task {
  return { paths: narinfoPaths, connections, seconds }
}

function nars({ narPath, seconds }: Workload, connections: number): Task {
  return { paths: [narPath], connections, seconds }
}

/** For a rate or a time: what comes before the generator is warm does not count. */
function timed({ url }: BenchServer, task: Task) {
  return runLoad({ ...task, url, leadSeconds: task.seconds * leadShare })
}

/** For what a server spends: counted from the first request on. */
function spent({ url }: BenchServer, task: Task) {
  return runLoad({ ...task, url })
}
