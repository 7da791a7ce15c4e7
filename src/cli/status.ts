import { type Command, InvalidArgumentError } from 'commander'
import { AppError, messageOf } from '../errors.ts'
import type { StatusReport } from '../server/status-report.ts'
import { exitCodes, paint, print, printJson } from './output.ts'
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
    .option('--url <URL>', 'where it listens', address, new URL('http://localhost:5000'))
    .option('--json', 'write the answer of /api/v1/status as it is')
    .addHelpText(
      'after',
      '\nExit code 0: ready; 1: degraded or stopping; 3: no narwhal answers there.',
    )
    .action(status)
}

async function status({ url, json }: Flags): Promise<void> {
  const report = await fetchStatus(url)
  if (json) printJson(report)
  else print(formatStatus(report, paint))
  if (report.state !== 'ready') process.exitCode = exitCodes.no
}

async function fetchStatus(url: URL): Promise<StatusReport> {
  const address = new URL('api/v1/status', url.href.endsWith('/') ? url : `${url.href}/`)
  const answer = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) }).catch(
    (cause: unknown) => {
      throw new AppError('NO_SERVER', `cannot reach ${url.origin}: ${reasonOf(cause)}`, { cause })
    },
  )
  const report: unknown = await answer.json().catch(() => undefined)
  if (!answer.ok || !isReport(report))
    throw new AppError('NO_SERVER', `what answers at ${url.origin} is no narwhal of this version`)
  return report
}

function isReport(value: unknown): value is StatusReport {
  return typeof value === 'object' && value !== null && 'state' in value && 'uptimeSeconds' in value
}

/** What lies behind fetch's "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join('; ')
  return messageOf(cause)
}

function address(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Give an address such as "http://cache.lan:5000".')
  return url
}
