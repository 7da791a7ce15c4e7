import { formatSize, GiB } from '../units.ts'
import type { Statement } from './verdict.ts'

export const bandNames = [
  'experimental',
  'proxy-only',
  'single-job',
  'small-builder',
  'builder',
] as const
export type BandName = (typeof bandNames)[number]

/** What a machine with so much memory is good for; bands exclude each other. */
export interface Band {
  readonly name: BandName
  /** as shops write it: "2 to 4 GB" */
  readonly label: string
  /** MemTotal from here … */
  readonly fromBytes: number
  /** … to below there */
  readonly belowBytes: number
  readonly text: string
  /** builds at the same time that the rule of thumb allows at most; arithmetic may say fewer */
  readonly mostJobs: number
}

/**
 * Firmware and graphics keep some for themselves: a machine sold with 4 GB tells of 3.5 to 3.9 GiB.
 * So a band begins an eighth below its name.
 */
export const firmwareShare = 1 / 8

function nominal(gib: number): number {
  return gib * (1 - firmwareShare) * GiB
}

export const bands: readonly Band[] = [
  {
    name: 'experimental',
    label: 'less than 1 GB',
    fromBytes: 0,
    belowBytes: nominal(1),
    text: 'a proxy as an experiment, no builds',
    mostJobs: 0,
  },
  {
    name: 'proxy-only',
    label: '1 to 2 GB',
    fromBytes: nominal(1),
    belowBytes: nominal(2),
    text: 'a proxy only; build on another machine',
    mostJobs: 0,
  },
  {
    name: 'single-job',
    label: '2 to 4 GB',
    fromBytes: nominal(2),
    belowBytes: nominal(4),
    text: 'a proxy; one build at a time only if you ask for it, with zram',
    mostJobs: 1,
  },
  {
    name: 'small-builder',
    label: '4 to 8 GB',
    fromBytes: nominal(4),
    belowBytes: nominal(8),
    text: 'a proxy, a cache of own builds, and a small builder',
    mostJobs: 4,
  },
  {
    name: 'builder',
    label: '8 GB or more',
    fromBytes: nominal(8),
    belowBytes: Number.POSITIVE_INFINITY,
    text: 'a proxy, a cache of own builds, and a builder; the largest packages ask for 16 to 32 GB',
    mostJobs: Number.POSITIVE_INFINITY,
  },
]

/** The band a machine's memory falls into. */
export function bandOf(totalBytes: number): Band {
  const band = bands.findLast(({ fromBytes }) => totalBytes >= fromBytes)
  return band ?? (bands[0] as Band)
}

/** Says which band it is, with the bounds it was held against. */
export function bandStatement(totalBytes: number): Statement {
  const band = bandOf(totalBytes)
  const bounds =
    band.belowBytes === Number.POSITIVE_INFINITY
      ? `${formatSize(totalBytes)} ≥ ${formatSize(band.fromBytes)}`
      : `${formatSize(band.fromBytes)} ≤ ${formatSize(totalBytes)} < ${formatSize(band.belowBytes)}`
  return {
    text: `${formatSize(totalBytes)} of memory counts as "${band.label}": ${band.text}.`,
    formula: `${bounds}; bands begin an eighth below their name, which firmware keeps: "4 GB" at 3.5 GiB`,
    source: 'compile jobs of 2 GiB each beside 1.3 GiB for system and proxy; see build slots',
    check: memoryCheck,
  }
}

/** Shows MemTotal. */
export const memoryCheck = 'grep MemTotal /proc/meminfo'
