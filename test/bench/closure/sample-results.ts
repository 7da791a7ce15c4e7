import type { ClosureRun, Contestant, Results, Scenario } from '../../../bench/closure/results.ts'

/** Results of two rounds in which narwhal reaches every target. */
export function goodResults(): Results {
  return {
    closures: [
      ...runs('copyCold', { direct: [20, 22], nginx: [25, 25], narwhal: [4, 4] }),
      ...runs('realiseCold', { direct: [6, 6], nginx: [6, 7], narwhal: [4, 5] }),
      ...runs('copyWarm', { nginx: [10, 10], narwhal: [10, 10] }),
      ...runs('copyRecompressed', { narwhal: [2, 2] }),
    ],
    streams: [
      { contestant: 'direct', firstByteMs: 41, bytesPerSecond: 100e6 },
      { contestant: 'nginx', firstByteMs: 42, bytesPerSecond: 100e6 },
      { contestant: 'narwhal', firstByteMs: 43, bytesPerSecond: 95e6 },
    ],
    hot: [
      { contestant: 'nginx', quietP99Ms: 1, busyP99Ms: 2 },
      { contestant: 'narwhal', quietP99Ms: 1, busyP99Ms: 2 },
    ],
    notes: [],
  }
}

function runs(
  scenario: Scenario,
  seconds: Partial<Record<Contestant, readonly number[]>>,
): ClosureRun[] {
  return (Object.keys(seconds) as Contestant[]).flatMap((contestant) =>
    (seconds[contestant] ?? []).map((wall) => ({
      ...{ scenario, contestant, wallMs: wall * 1000, upstreamBytes: 130e6, lateShare: 0 },
      ...{ clientCpuSeconds: 9, serverCpuSeconds: 1, serverPeakBytes: 150e6, restCpuSeconds: 2 },
      ...(contestant === 'narwhal' && { prefetchedBytes: 100e6, wastedBytes: 1e6 }),
    })),
  )
}
