import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Measured } from '../../advice/machine.ts'
import {
  type MeasuredKey,
  type MeasuredReading,
  type Measurements,
  measuredFigures,
} from '../../advice/measured-figures.ts'
import { widthShare } from '../../advice/spread.ts'
import { maxFileBytes } from '../../host/measure/disk.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import type { MeasureOrder, MeasureReport } from './measure-messages.ts'

export interface MeasureOptions {
  /** On the disk that is measured: where the cache lies, or will. */
  readonly directory: string
  /** A binary cache: measures the way to it, too. */
  readonly against?: URL | undefined
  /** Paths that cache has; without them, some of this machine's own store are tried. */
  readonly paths?: readonly StoreHash[]
  /** 3 by default. */
  readonly rounds?: number
  /** Of the file that the disk is measured with, for a moment; 256 MiB by default, and at most. */
  readonly fileBytes?: number
  readonly onProgress?: (doing: string) => void
}

/** Each measurement, and all together. */
const eachMs = 4_000
const allMs = 45_000
/** Fewer have no spread to speak of. */
const leastRounds = 3

const program = fileURLToPath(
  new URL(`measure-process${extname(import.meta.url)}`, import.meta.url),
)

/**
 * Measures this machine: its disk, a core, the loopback, and the way to a cache. Takes about 15 s
 * and 45 s at most, 256 MiB of the disk for a moment, and steps back for other work. What could not
 * be measured is left out; takeMeasurements() tells why.
 *
 * @throws the signal's reason
 */
export async function measureMachine(
  options: MeasureOptions,
  signal: AbortSignal,
): Promise<Measured> {
  return (await takeMeasurements(options, signal)).measured
}

/** The same, with how far the rounds lie apart, and what was not measured and why. */
export async function takeMeasurements(
  options: MeasureOptions,
  signal: AbortSignal,
): Promise<Measurements> {
  signal.throwIfAborted()
  const start = performance.now()
  const readings: Partial<Record<MeasuredKey, MeasuredReading>> = {}
  const notes: string[] = []
  const child = fork(program, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const end = await run(child, {
    order: orderOf(options),
    signal,
    hear(report) {
      if (report.kind === 'doing') options.onProgress?.(report.what)
      else if (report.kind === 'reading') readings[report.key] = report.reading
      else if (report.kind === 'note') notes.push(report.text)
    },
  })
  signal.throwIfAborted()
  if (end !== undefined) notes.push(end)
  notes.push(...doubts(readings))
  return {
    measured: Object.fromEntries(
      measuredFigures.flatMap(({ key }) => {
        const reading = readings[key]
        return reading === undefined ? [] : [[key, reading.median]]
      }),
    ),
    ...{ readings, notes },
    seconds: (performance.now() - start) / 1000,
  }
}

function orderOf({ directory, against, paths = [], rounds = 3, ...rest }: MeasureOptions) {
  const fileBytes = Math.min(rest.fileBytes ?? maxFileBytes, maxFileBytes)
  return { directory, against: against?.href, paths, rounds, budgetMs: eachMs, fileBytes }
}

interface Run {
  readonly order: MeasureOrder
  readonly signal: AbortSignal
  hear(report: MeasureReport): void
}

/** @returns why it ended before all was measured; undefined when it did not */
async function run(child: ChildProcess, { order, signal, hear }: Run): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const stop = (why: string) => {
    child.kill('SIGKILL')
    resolve(why)
  }
  const interrupt = () => stop('It was interrupted.')
  const timer = setTimeout(
    () => stop(`What is missing was not measured within ${allMs / 1000} s.`),
    allMs,
  )
  signal.addEventListener('abort', interrupt)
  let isDone = false
  child.on('message', (report: MeasureReport) => {
    if (report.kind === 'done') isDone = true
    else hear(report)
  })
  child.once('error', (error) => resolve(`Measuring failed: ${error.message}.`))
  child.once('exit', (code, name) =>
    resolve(isDone ? undefined : `Measuring ended early (${name ?? `exit code ${code}`}).`),
  )
  child.send(order, () => undefined)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', interrupt)
  }
}

function doubts(readings: Measurements['readings']): string[] {
  return measuredFigures.flatMap(({ key, title }) => {
    const reading = readings[key]
    if (reading === undefined) return []
    if (reading.isNoisy) {
      const percent = Math.round(widthShare(reading) * 100)
      return [
        `Too noisy: ${title}: its rounds lie ${percent} % apart. Measure again when it is quiet.`,
      ]
    }
    if (reading.rounds < leastRounds)
      return [
        `${title}: ${reading.rounds} of ${leastRounds} rounds, too few to tell how noisy it is.`,
      ]
    return []
  })
}
