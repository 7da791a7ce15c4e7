import { type Command, InvalidArgumentError } from 'commander'
import { glyphsFor } from './display/gauge.ts'
import { exitCodes, paint, print, printJson } from './output.ts'
import { fetchStatus } from './status/fetch-status.ts'
import { formatStatus } from './status/format.ts'

interface Flags {
  readonly url: URL
  readonly json?: boolean
}

const timeoutMs = 10_000

/** Adds `narwhal status`: what a running server does now. */
export function addStatus(program: Command): void {
  program
    .command('status')
    .description('tell what a running narwhal does now')
    .option('--url <URL>', 'where it listens', serverAddress, new URL('http://localhost:5000'))
    .option('--json', 'write the answer of /api/v1/status as it is')
    .addHelpText(
      'after',
      '\nExit code 0: ready; 1: degraded or stopping; 3: no narwhal answers there.',
    )
    .action(status)
}

async function status({ url, json }: Flags): Promise<void> {
  const { answer, report } = await fetchStatus(url, timeoutMs)
  if (json) printJson(answer)
  else print(formatStatus(report, { paint, glyphs: glyphsFor(process.env), now: Date.now() }))
  if (report.state !== 'ready') process.exitCode = exitCodes.no
}

/** Reads where a server listens. */
export function serverAddress(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Give an address such as "http://cache.lan:5000".')
  return url
}
