import { messageOf } from '../../errors.ts'
import { walkClosure } from './closure-walk.ts'
import { leadShare, runLoad } from './load.ts'
import type { LoadResult } from './tally.ts'
import type { Workload } from './workload.ts'

/** Every figure there is, in the order of the table. `better` tells which way is good. */
export const figures = [
  { key: 'hitMedianMs', title: 'narinfo, median', unit: 'ms', better: 'lower' },
  { key: 'hitP90Ms', title: 'narinfo, 90 of 100 within', unit: 'ms', better: 'lower' },
  { key: 'hitP99Ms', title: 'narinfo, 99 of 100 within', unit: 'ms', better: 'lower' },
  { key: 'hitsPerSecond', title: 'narinfos, 25 connections', unit: '1/s', better: 'higher' },
  { key: 'missMedianMs', title: 'absent path, median', unit: 'ms', better: 'lower' },
  { key: 'missP90Ms', title: 'absent path, 90 of 100 within', unit: 'ms', better: 'lower' },
  { key: 'missP99Ms', title: 'absent path, 99 of 100 within', unit: 'ms', better: 'lower' },
  { key: 'missesPerSecond', title: 'absent paths, 25 connections', unit: '1/s', better: 'higher' },
  { key: 'nar1MBs', title: 'NARs, 1 reader', unit: 'MB/s', better: 'higher' },
  { key: 'nar4MBs', title: 'NARs, 4 readers', unit: 'MB/s', better: 'higher' },
  { key: 'nar16MBs', title: 'NARs, 16 readers', unit: 'MB/s', better: 'higher' },
  { key: 'realiseSeconds', title: 'closure as nix-store -r', unit: 's', better: 'lower' },
  { key: 'copySeconds', title: 'closure as nix copy', unit: 's', better: 'lower' },
] as const

export type FigureKey = (typeof figures)[number]['key']

/** What one measurement of one cache gave; a figure that could not be had is left out. */
export interface Reading {
  readonly figures: Readonly<Partial<Record<FigureKey, number>>>
  readonly answers: number
  readonly bytes: number
  readonly errors: number
  readonly firstError: string | undefined
}

export interface Measurement {
  readonly title: string
  take(workload: Workload, signal: AbortSignal): Promise<Reading>
}

/** Connections Nix opens for narinfos over HTTP/1.1. */
const connections = 25
/** What Nix takes for "not here": S3 says 403 where it may not be listed. */
const absent = [404, 403, 410]
const nothingAsked: Reading = {
  ...{ figures: {}, answers: 0, bytes: 0, errors: 0, firstError: undefined },
}

/** Taken in this order in every round. */
export const measurements: readonly Measurement[] = [
  latency('hit'),
  rate('hits'),
  latency('miss'),
  rate('misses'),
  throughput(1),
  throughput(4),
  throughput(16),
  walk('realiseSeconds', 16),
  walk('copySeconds', 1),
]

function latency(what: 'hit' | 'miss'): Measurement {
  return {
    title: what === 'hit' ? 'narinfo latency' : 'latency of absent paths',
    async take(workload, signal) {
      const result = await ask(workload, { isHit: what === 'hit', connections: 1 }, signal)
      const { median, p90, p99 } = result.latencyMs ?? {}
      return readingOf(result, {
        [`${what}MedianMs`]: median,
        [`${what}P90Ms`]: p90,
        [`${what}P99Ms`]: p99,
      })
    },
  }
}

function rate(what: 'hits' | 'misses'): Measurement {
  return {
    title: what === 'hits' ? 'narinfo rate' : 'rate of absent paths',
    async take(workload, signal) {
      const result = await ask(workload, { isHit: what === 'hits', connections }, signal)
      const perSecond = result.responses > 0 ? result.responses / result.seconds : undefined
      return readingOf(result, { [`${what}PerSecond`]: perSecond })
    },
  }
}

function throughput(readers: 1 | 4 | 16): Measurement {
  return {
    title: `NAR throughput, ${readers} reader${readers === 1 ? '' : 's'}`,
    async take({ nars, seconds, maxBytes }, signal) {
      if (nars.paths.length === 0) return nothingAsked
      const leadSeconds = seconds * leadShare
      const load = { ...nars, connections: readers, seconds, leadSeconds, maxBytes }
      const result = await runLoad(load, signal)
      const rate = result.bytes > 0 ? result.bytes / result.seconds / 1e6 : undefined
      return readingOf(result, { [`nar${readers}MBs`]: rate })
    },
  }
}

function walk(key: 'realiseSeconds' | 'copySeconds', parallelNars: number): Measurement {
  return {
    title: `closure walk, ${parallelNars} NAR${parallelNars === 1 ? '' : 's'} at once`,
    async take({ site, roots, walkPaths, walkNars, seconds }, signal) {
      // An answer that never comes must not hold up the others for ever.
      const patience = AbortSignal.timeout((30 + 10 * seconds) * 1000)
      const order = { site, roots, paths: walkPaths, narPaths: walkNars, parallelNars }
      try {
        const result = await walkClosure(order, AbortSignal.any([signal, patience]))
        const { narinfos, nars, narBytes: bytes, errors, firstError } = result
        const figures = errors === 0 ? { [key]: result.seconds } : {}
        return { figures, answers: narinfos + nars, bytes, errors, firstError }
      } catch (error) {
        signal.throwIfAborted()
        const firstError = patience.aborted ? 'the walk took too long' : messageOf(error)
        return { figures: {}, answers: 0, bytes: 0, errors: 1, firstError }
      }
    },
  }
}

function ask(
  { site, narinfoPaths, missingPaths, seconds, maxBytes }: Workload,
  { isHit, connections }: { isHit: boolean; connections: number },
  signal: AbortSignal,
): Promise<LoadResult> {
  const wanted = isHit
    ? { paths: narinfoPaths, statuses: [200] }
    : { paths: missingPaths, statuses: absent }
  const leadSeconds = seconds * leadShare
  return runLoad({ site, ...wanted, connections, seconds, leadSeconds, maxBytes }, signal)
}

function readingOf(
  { responses, bytes, lead, errors, firstError }: LoadResult,
  figures: Partial<Record<string, number | undefined>>,
): Reading {
  const known = Object.entries(figures).filter(([, figure]) => figure !== undefined)
  return {
    figures: Object.fromEntries(known),
    answers: lead.responses + responses,
    bytes: lead.bytes + bytes,
    ...{ errors, firstError },
  }
}
