export const contestants = ['direct', 'nginx', 'narwhal'] as const
export type Contestant = (typeof contestants)[number]

/** What a real client does, in the order of the report. */
export const scenarios = {
  copyCold: 'nix copy, cold',
  realiseCold: 'nix-store -r, cold',
  copyWarm: 'nix copy, warm',
  copyRecompressed: 'nix copy, recompressed',
} as const
export type Scenario = keyof typeof scenarios

/** One closure fetched by one client. */
export interface ClosureRun {
  readonly scenario: Scenario
  readonly contestant: Contestant
  readonly wallMs: number
  /** Over the line, HTTP headers included. */
  readonly upstreamBytes: number
  readonly clientCpuSeconds: number
  /** Of the proxy during the run; undefined without one. */
  readonly serverCpuSeconds: number | undefined
  readonly serverPeakBytes: number | undefined
  /** Of everything else on the machine: relay and upstream, and whatever disturbed the run. */
  readonly restCpuSeconds: number
  /** Bytes fetched before anybody asked; undefined for who does not, or does not say. */
  readonly prefetchedBytes?: number
  /** Of those, bytes that nobody had asked for when the client was done. */
  readonly wastedBytes?: number
  /** Bytes that the relay delivered too late, as a share of all. */
  readonly lateShare: number
}

/** Files of a cold cache, one after the other, over one connection. */
export interface StreamRun {
  readonly contestant: Contestant
  /** Median over some big NARs. */
  readonly firstByteMs: number
  /** Of the one very large NAR. */
  readonly bytesPerSecond: number
}

/** Narinfos in memory, asked for all the time by another client. */
export interface HotRun {
  readonly contestant: Contestant
  /** With nothing else to do. */
  readonly quietP99Ms: number
  /** While a client fetches a cold closure, and while it is recompressed. */
  readonly busyP99Ms: number
}

export interface Results {
  readonly closures: readonly ClosureRun[]
  readonly streams: readonly StreamRun[]
  readonly hot: readonly HotRun[]
  /** What could not be measured, and what to know about what was. */
  readonly notes: readonly string[]
}

/** The figures of one contestant in one scenario, one a round. */
export function figuresOf(
  { closures }: Results,
  scenario: Scenario,
  contestant: Contestant,
): readonly ClosureRun[] {
  return closures.filter((run) => run.scenario === scenario && run.contestant === contestant)
}
