import { type Command, InvalidArgumentError } from 'commander'
import { glyphsFor } from './display/gauge.ts'
import { paint, print, printJson, tell } from './output.ts'

interface Flags {
  readonly json?: boolean
  readonly paths: number
  readonly delay: number
}

/** Adds `narwhal demo`: a local upstream, the proxy and a client; no network, no Nix. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('show a local upstream, narwhal and a client at work: no network, no Nix')
    .option('--json', 'write the figures as JSON')
    .option('--paths <count>', 'store paths in the made-up closure', positive, 60)
    .option('--delay <ms>', 'milliseconds the upstream waits before each answer', positive, 40)
    .action(demo)
}

async function demo(flags: Flags): Promise<void> {
  const { runDemo } = await import('./demo/runs.ts')
  const { formatReport } = await import('./demo/report.ts')
  const interrupt = new AbortController()
  const onInterrupt = () => interrupt.abort()
  // Once: who presses Ctrl-C again does not want to wait for the cleaning up.
  for (const name of signals) process.once(name, onInterrupt)
  try {
    const report = await runDemo({
      paths: flags.paths,
      delayMs: flags.delay,
      signal: interrupt.signal,
      onProgress: (doing) => tell(`demo: ${doing}`),
    })
    if (flags.json) printJson(report)
    else print(formatReport(report, { paint, glyphs: glyphsFor(process.env) }))
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    tell('demo: interrupted')
    process.exitCode = 130
  } finally {
    for (const name of signals) process.off(name, onInterrupt)
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function positive(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number above 0.')
  return Number(text)
}
