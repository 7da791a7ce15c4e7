import { messageOf } from '../../src/errors.ts'
import { awaitRecompressed } from './await-recompressed.ts'
import { runClosure } from './closure-run.ts'
import { runHot } from './hot-run.ts'
import type { Line } from './line.ts'
import type { BenchClosure } from './make-closure.ts'
import { contestants, type Results, type Scenario, scenarios } from './results.ts'
import { openStage, type Stage } from './stage.ts'
import { runStreams } from './stream-run.ts'

/** What contestants are set to do: `nix copy`, `nix-store -r`, single NARs, hot narinfos. */
export const tasks = ['copy', 'realise', 'single', 'hot'] as const
export type Task = (typeof tasks)[number]

export interface RoundsOptions {
  readonly tasks: readonly Task[]
  readonly rounds: number
  readonly closure: BenchClosure
  /** Hashes of NARs whose first byte is waited for, and of the very large one. */
  readonly bigHashes: readonly string[]
  readonly largeHash: string
  readonly line: Line
  /** For the caches of the proxies and the stores of the clients. */
  readonly directory: string
  /** Words before the client's command line. */
  readonly launcher: readonly string[]
  readonly signal: AbortSignal
  readonly onProgress: (doing: string) => void
}

type Draft = { -readonly [Part in keyof Results]: Results[Part][number][] }

/**
 * Sets every contestant every task, each with a cold cache of its own; who goes first changes from
 * round to round.
 */
export async function takeRounds(options: RoundsOptions): Promise<Results> {
  const results: Draft = { closures: [], streams: [], hot: [], notes: [] }
  for (let round = 0; round < options.rounds; round++)
    for (const place of contestants.keys()) {
      const contestant = contestants[(place + round) % contestants.length] ?? 'direct'
      const onProgress = (doing: string) =>
        options.onProgress(`round ${round + 1} of ${options.rounds}, ${contestant}: ${doing}`)
      const open = () =>
        openStage(contestant, {
          ...options,
          ...options.closure,
          upstreamUrl: options.line.url,
        })
      await visit(open, { ...options, onProgress }, results)
    }
  return { ...results, notes: [...new Set(results.notes)] }
}

/** All tasks of one contestant in one round. */
async function visit(
  open: () => Promise<Stage>,
  options: RoundsOptions,
  results: Draft,
): Promise<void> {
  const { closure, signal, onProgress } = options
  const run = async (stage: Stage, scenario: Scenario) => {
    onProgress(scenarios[scenario])
    const figures = await runClosure({ ...options, ...closure, scenario, stage })
    onProgress(`${scenarios[scenario]} took ${(figures.wallMs / 1000).toFixed(1)} s`)
    results.closures.push(figures)
  }

  const taken: Record<Task, (stage: Stage) => Promise<void>> = {
    copy: async (stage) => {
      await run(stage, 'copyCold')
      if (stage.contestant === 'direct') return
      await run(stage, 'copyWarm')
      if (stage.contestant !== 'narwhal') return
      onProgress('waiting for recompression')
      const why = await awaitRecompressed(stage.url, signal)
      if (why === undefined) await run(stage, 'copyRecompressed')
      else results.notes.push(`${scenarios.copyRecompressed}: not measured, ${why}.`)
    },
    realise: (stage) => run(stage, 'realiseCold'),
    single: async (stage) => {
      onProgress('single NARs')
      results.streams.push(await runStreams({ ...options, stage }))
    },
    hot: async (stage) => {
      if (stage.contestant === 'direct') return
      onProgress('hot narinfos beside a cold closure')
      results.hot.push(await runHot({ ...options, ...closure, stage, hotHash: options.largeHash }))
    },
  }
  for (const task of options.tasks) await onStage(open, taken[task])
}

/** Opens a stage for some work; what goes wrong on it is told with the server's last words. */
async function onStage(
  open: () => Promise<Stage>,
  work: (stage: Stage) => Promise<void>,
): Promise<void> {
  await using stage = await open()
  await work(stage).catch((cause: unknown) => {
    const said = stage.server?.said().trim()
    throw new Error(`${stage.contestant}: ${messageOf(cause)}${said && `\n${said}`}`, { cause })
  })
}
