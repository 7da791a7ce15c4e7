import type { ReadStream } from 'node:tty'
import type { Glyphs } from '../display/gauge.ts'
import { cleanAll, type Paint, printLine } from '../display/text.ts'
import { drawFrame } from './frame.ts'
import { type History, noHistory, remember } from './history.ts'
import type { Sample } from './sample.ts'
import type { Sampler } from './sampler.ts'
import { Screen } from './screen.ts'

export interface WatchOptions {
  readonly sampler: Sampler
  readonly everySeconds: number
  readonly glyphs: Glyphs
  readonly paint: Paint
  readonly input: ReadStream
  readonly output: NodeJS.WriteStream & { fd: number }
}

/** The first frame is there soon; after that, every so often. */
const firstMs = 250
/** q, and what Ctrl-C and Ctrl-D send where the terminal does not act on them itself. */
const quitKeys = ['q', 'Q', '\u0003', '\u0004']
const suspendKey = '\u001a'

/** Shows a server and this machine in a terminal until somebody has seen enough. */
export async function watch(options: WatchOptions): Promise<void> {
  const { input, output } = options
  const screen = new Screen(output)
  const stop = new AbortController()
  let latest: { sample: Sample; history: History } | undefined
  const quit = () => stop.abort()
  const draw = () => {
    if (latest !== undefined) screen.draw(linesOf(latest, screen, options))
  }
  const onResize = () => {
    screen.clear()
    draw()
  }
  const suspend = () => {
    screen.leave()
    input.setRawMode(false)
    process.kill(process.pid, 'SIGSTOP')
  }
  const onResume = () => {
    input.setRawMode(true)
    screen.enter()
    draw()
  }
  const onKey = (key: Buffer) => {
    const text = key.toString('latin1')
    if (quitKeys.some((quitKey) => text.includes(quitKey))) quit()
    else if (text === suspendKey) suspend()
  }

  for (const name of stopSignals) process.on(name, quit)
  process.on('SIGCONT', onResume)
  output.on('resize', onResize).on('error', quit)
  try {
    // A terminal that is gone says so here.
    input.setRawMode(true).on('data', onKey).on('end', quit).on('error', quit).resume()
    screen.enter()
    for await (const sample of samples({ ...options, firstMs }, stop.signal)) {
      const history = remember(latest?.history ?? noHistory, sample)
      latest = { sample, history }
      draw()
    }
  } finally {
    screen.leave()
    for (const name of stopSignals) process.off(name, quit)
    process.off('SIGCONT', onResume)
    output.off('resize', onResize).off('error', quit)
    input.off('data', onKey).pause()
    if (!input.destroyed) input.setRawMode(false)
  }
}

/**
 * Takes samples on time, the next never before the one before has come.
 *
 * @param firstMs the time the first one tells of; by default as long as all others
 */
export async function* samples(
  pace: { sampler: Sampler; everySeconds: number; firstMs?: number },
  signal: AbortSignal,
): AsyncGenerator<Sample> {
  const { sampler } = pace
  const everyMs = pace.everySeconds * 1000
  // A server that hangs must not stop the view of the machine it runs on.
  const timeoutMs = Math.max(1000, Math.min(3000, everyMs))
  await sampler.take(timeoutMs)
  let next = performance.now() + Math.min(pace.firstMs ?? everyMs, everyMs)
  for (;;) {
    await sleep(next - performance.now(), signal)
    if (signal.aborted) return
    const sample = cleanAll(await sampler.take(timeoutMs))
    if (signal.aborted) return
    yield sample
    next = Math.max(next + everyMs, performance.now())
  }
}

export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function linesOf(
  { sample, history }: { sample: Sample; history: History },
  { columns, rows }: Screen,
  { glyphs, paint, everySeconds }: WatchOptions,
): string[] {
  const lines = drawFrame(sample, history, { columns, rows, glyphs, everySeconds })
  return lines.map((line) => printLine(line, paint))
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.max(0, ms))
    signal.addEventListener('abort', end)
  })
}
