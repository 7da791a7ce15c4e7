import { GiB } from '../../units.ts'

/** What a team asks of its build machine and cache. Every figure can be changed by a flag. */
export interface Workload {
  readonly developers: number
  readonly buildsPerDay: number
  readonly buildMinutes: number
  readonly hoursPerDay: number
  readonly peakShare: number
  readonly waitMinutes: number
  readonly jobsPerBuild: number
  readonly buildMemoryBytes: number
  readonly closureBytes: number
  readonly growthBytes: number
  readonly fetches: number
  readonly keepDays: number
  readonly workDays: number
}

/** An assumption as it is printed: which flag changes it, and why it is what it is. */
export interface Assumption {
  readonly key: keyof Workload
  readonly flag: string
  readonly what: string
  /** how its value is written: a count, minutes, a share of one, bytes … */
  readonly unit: '' | 'minutes' | 'hours' | 'days' | 'share' | 'bytes'
  readonly why: string
}

/** In the order they are printed. */
export const assumptions: readonly Assumption[] = [
  {
    key: 'developers',
    flag: '--developers',
    what: 'developers',
    unit: '',
    why: 'given',
  },
  {
    key: 'buildsPerDay',
    flag: '--builds-per-day',
    what: 'CI builds each starts in a day',
    unit: '',
    why: 'a push every hour of work; count yours in the log of the CI',
  },
  {
    key: 'buildMinutes',
    flag: '--build-minutes',
    what: 'a build takes, on average',
    unit: 'minutes',
    why: 'with a warm cache; narwhal experiment measures yours',
  },
  {
    key: 'hoursPerDay',
    flag: '--hours',
    what: 'working hours in a day',
    unit: 'hours',
    why: 'one shift in one time zone',
  },
  {
    key: 'peakShare',
    flag: '--peak-share',
    what: 'of a day’s builds, in the busiest hour',
    unit: 'share',
    why: 'even would be 1 in 8 hours = 12.5 %; people push before lunch and before they go',
  },
  {
    key: 'waitMinutes',
    flag: '--wait-minutes',
    what: 'a build may wait in that hour, on average',
    unit: 'minutes',
    why: 'a quarter of a build: waiting is felt, but does not rule the day',
  },
  {
    key: 'jobsPerBuild',
    flag: '--jobs-per-build',
    what: 'compile processes a build keeps busy',
    unit: '',
    why: 'configure, link and test phases use one; raise it for large C++ trees',
  },
  {
    key: 'buildMemoryBytes',
    flag: '--build-memory',
    what: 'memory of one compile process',
    unit: 'bytes',
    why: 'Gentoo handbook, MAKEOPTS; chromium and LLVM need 8 GiB and more',
  },
  {
    key: 'closureBytes',
    flag: '--closure-size',
    what: 'closure of what is built, unpacked',
    unit: 'bytes',
    why: 'nix path-info -S RESULT tells yours',
  },
  {
    key: 'growthBytes',
    flag: '--growth',
    what: 'of that new with each build',
    unit: 'bytes',
    why: 'a twentieth of the closure: own packages change, the rest is there already',
  },
  {
    key: 'fetches',
    flag: '--fetches',
    what: 'machines that fetch each result',
    unit: '',
    why: 'half of the developers and the CI itself; every one at the worst',
  },
  {
    key: 'keepDays',
    flag: '--keep-days',
    what: 'results are kept',
    unit: 'days',
    why: 'nix-collect-garbage --delete-older-than 14d keeps a sprint',
  },
  {
    key: 'workDays',
    flag: '--work-days',
    what: 'working days in a month',
    unit: 'days',
    why: '365 × 5 / 7 / 12, less holidays',
  },
]

/** What is given; all else is assumed. */
export type WorkloadInput = Partial<Workload> & { readonly developers: number }

/** Fills in what was not given; some of it follows from what was. */
export function workloadOf(given: WorkloadInput): Workload {
  const { developers, closureBytes = 2 * GiB, buildMinutes = 12, hoursPerDay = 8 } = given
  return {
    developers,
    buildsPerDay: given.buildsPerDay ?? 8,
    buildMinutes,
    hoursPerDay,
    // A day of fewer hours cannot have a smaller peak than an even spread.
    peakShare: given.peakShare ?? Math.max(0.2, Math.min(1, 1 / hoursPerDay)),
    waitMinutes: given.waitMinutes ?? buildMinutes / 4,
    jobsPerBuild: given.jobsPerBuild ?? 1,
    buildMemoryBytes: given.buildMemoryBytes ?? 2 * GiB,
    closureBytes,
    growthBytes: given.growthBytes ?? closureBytes / 20,
    fetches: given.fetches ?? Math.ceil(developers / 2) + 1,
    keepDays: given.keepDays ?? 14,
    workDays: given.workDays ?? 21,
  }
}
