import { type Command, InvalidArgumentError } from 'commander'
import { isAppError } from '../errors.ts'
import { listOwnStore } from '../host/own-store.ts'
import { isStoreHash, parseBaseName, type StoreHash } from '../nix/store-path.ts'
import { parseSize } from '../units.ts'
import { cleanAll } from './display/text.ts'
import { exitCodes, paint, print, printJson, tell } from './output.ts'
import { ownVersion } from './version.ts'

interface Flags {
  readonly path?: readonly StoreHash[]
  readonly rounds: number
  readonly seconds: number
  readonly maxBytes?: number
  readonly json?: boolean
}

/** Adds `narwhal bench`: how fast any binary cache is, from here. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure latency and throughput of any binary cache')
    .argument('<URL...>', 'caches to measure side by side, as in substituters', address)
    .option('--path <PATH>', 'a store path, or its hash, to ask for (repeatable)', path)
    .option(
      '--seconds <N>',
      'length of one measurement, after half as long to get going',
      seconds,
      1,
    )
    .option('--rounds <N>', 'how often each measurement is taken', rounds, 3)
    .option(
      '--max-bytes <SIZE>',
      'the most to read from one cache (default: 256MiB where it is public, 64GiB in your network)',
      size,
    )
    .option('--json', 'write the figures as JSON')
    .addHelpText(
      'after',
      `
Asks for narinfos, for paths that do not exist, for NARs, and for a closure as Nix does. Only reads.
Without --path it takes paths of this machine's Nix store that every cache has.

Exit code 0: all is well; 1: too slow, or answers were wrong; 3: no cache there, nothing to ask for.`,
    )
    .action(bench)
}

async function bench(urls: readonly URL[], flags: Flags): Promise<void> {
  const { runBench } = await import('./bench/run.ts')
  const { formatBench } = await import('./bench/report.ts')
  const interrupt = new AbortController()
  const onInterrupt = () => interrupt.abort()
  for (const name of signals) process.once(name, onInterrupt)
  try {
    const report = await runBench({
      urls,
      named: flags.path ?? [],
      candidates: flags.path ? [] : (await listOwnStore()).map(({ hash }) => hash),
      rounds: flags.rounds,
      seconds: flags.seconds,
      maxBytes: flags.maxBytes,
      userAgent: `narwhal-bench/${ownVersion()}`,
      signal: interrupt.signal,
      onProgress: showProgress,
    })
    endProgress()
    if (flags.json) printJson(report)
    // A cache's own words stand in its errors.
    else print(formatBench(cleanAll(report), paint))
    if (!report.isGood) process.exitCode = exitCodes.no
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    tell('bench: interrupted')
    process.exitCode = 130
  } finally {
    endProgress()
    for (const name of signals) process.off(name, onInterrupt)
  }
}

/** On a terminal one line that changes, elsewhere a line each. */
function showProgress(doing: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[Kbench: ${doing}`)
  else tell(`bench: ${doing}`)
}

function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function address(text: string, earlier: readonly URL[] = []): readonly URL[] {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return [...earlier, url]
  throw new InvalidArgumentError('Give a URL such as http://cache.lan:5000.')
}

function path(text: string, earlier: readonly StoreHash[] = []): readonly StoreHash[] {
  return [...earlier, hashOf(text)]
}

function hashOf(text: string): StoreHash {
  if (isStoreHash(text)) return text
  try {
    return parseBaseName(text.slice(text.lastIndexOf('/') + 1)).hash
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new InvalidArgumentError('Give a store path, or the 32 characters of its hash.')
  }
}

function size(text: string): number {
  try {
    return parseSize(text)
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new InvalidArgumentError(error.hint)
  }
}

function seconds(text: string): number {
  const number = Number(text)
  if (number >= 0.05 && number <= 60) return number
  throw new InvalidArgumentError('Give a number from 0.05 to 60.')
}

function rounds(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number from 1 to 99.')
}
