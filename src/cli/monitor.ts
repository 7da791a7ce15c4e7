import { type Command, InvalidArgumentError } from 'commander'
import { glyphsFor } from './display/gauge.ts'
import { printLine } from './display/text.ts'
import { paint, print, printJson } from './output.ts'
import { serverAddress } from './status.ts'

interface Flags {
  readonly url: URL
  readonly dataDir: string
  readonly once?: boolean
  readonly json?: boolean
}

const defaultColumns = 80

/** Adds `narwhal monitor`: a running server and the machine below it, live in the terminal. */
export function addMonitor(program: Command): void {
  program
    .command('monitor')
    .description('show a running narwhal and this machine, live in the terminal')
    .argument('[SECONDS]', 'how often to look', interval, 1)
    .option('--url <URL>', 'where it listens', serverAddress, new URL('http://localhost:5000'))
    .option(
      '--data-dir <DIR>',
      'its data directory, to mark the disk it lies on',
      process.env.NARWHAL_DATA_DIR ?? 'narwhal-data',
    )
    .option('--once', 'look once, and exit')
    .option('--json', 'write samples as JSON, one a line; one alone with --once')
    .addHelpText(
      'after',
      `
q or Ctrl-C quits. In a pipe, or with TERM=dumb, it writes a line for each look.
The machine shown is the one this runs on, wherever the server is.

Exit code 0, also while no narwhal answers: then it shows the machine alone.`,
    )
    .action(monitor)
}

async function monitor(everySeconds: number, flags: Flags): Promise<void> {
  const { Sampler } = await import('./monitor/sampler.ts')
  const { samples, stopSignals, watch } = await import('./monitor/watch.ts')
  const sampler = new Sampler(flags)
  const { stdin: input, stdout: output } = process
  const glyphs = glyphsFor(process.env)
  const isLive = output.isTTY && input.isTTY && process.env.TERM !== 'dumb'
  if (isLive && !flags.once && !flags.json)
    return await watch({ sampler, everySeconds, glyphs, paint, input, output })

  const { drawFrame } = await import('./monitor/frame.ts')
  const { plainLine } = await import('./monitor/plain-line.ts')
  const { noHistory } = await import('./monitor/history.ts')
  const stop = new AbortController()
  const quit = () => stop.abort()
  for (const name of stopSignals) process.once(name, quit)
  // Whoever read our lines has left.
  output.once('error', quit)
  try {
    for await (const sample of samples({ sampler, everySeconds }, stop.signal)) {
      if (flags.json && flags.once) printJson(sample)
      else if (flags.json) print(JSON.stringify(sample))
      else if (flags.once) {
        const look = { columns: output.columns || defaultColumns, glyphs }
        for (const line of drawFrame(sample, noHistory, look)) print(printLine(line, paint))
      } else print(plainLine(sample))
      if (flags.once) return
    }
  } finally {
    for (const name of stopSignals) process.off(name, quit)
  }
}

function interval(text: string): number {
  const seconds = Number(text)
  if (seconds >= 0.1 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('Give a number of seconds from 0.1 to 3600.')
}
