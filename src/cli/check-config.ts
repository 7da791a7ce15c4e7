import type { Command } from 'commander'
import { formatAddress } from '../config/address.ts'
import type { Config, UpstreamConfig } from '../config/config.ts'
import { formatMistakes } from '../config/mistake.ts'
import { type Amount, formatSize } from '../units.ts'
import { addConfigFlags, readConfigFrom } from './load-config.ts'
import { alignRows, exitCodes, paint, print, printJson, tell } from './output.ts'

/** Adds `narwhal check-config`: every mistake in the configuration, or what it comes to. */
export function addCheckConfig(program: Command): void {
  const command = program
    .command('check-config')
    .description('list every mistake in the configuration, or what it comes to')
    .addHelpText('after', '\nExit code 0: no mistakes; 1: mistakes; 3: the file cannot be read.')
  addConfigFlags(command).option('--json', 'write the configuration or the mistakes as JSON')
  command.action(checkConfig)
}

function checkConfig(flags: { config?: string; json?: boolean }): void {
  const reading = readConfigFrom({ config: flags.config, flags })
  if (!reading.ok) process.exitCode = exitCodes.no
  if (flags.json) printJson(reading)
  else if (reading.ok) {
    print(alignRows(summaryOf(reading.config)))
    tell(paint('green', 'no mistakes', process.stderr))
  } else {
    const { length } = reading.mistakes
    print(formatMistakes(reading.mistakes))
    tell(paint('red', length === 1 ? '1 mistake' : `${length} mistakes`, process.stderr))
  }
}

function summaryOf(config: Config): [string, string][] {
  const { cache, limits, log } = config
  const keys = config.trustedPublicKeys.map((key) => key.split(':')[0])
  return [
    ['listen', config.listen.map(formatAddress).join(', ')],
    ['data', config.dataDir],
    ...config.upstreams.map((upstream): [string, string] => ['upstream', describe(upstream)]),
    ['trusted keys', keys.join(', ') || 'none'],
    ['disk', `at most ${formatAmount(cache.maxSize)}, ${formatAmount(cache.minFree)} left free`],
    ['memory', `${formatSize(cache.memoryBytes)} for narinfos`],
    ['tells clients', `StoreDir ${cache.storeDir}, Priority ${cache.priority}`],
    ['limits', `${limits.maxClients} clients, ${limits.maxDownloads} downloads at once`],
    ['log', `${log.level}, ${log.format}`],
  ]
}

function describe({ url, priority, verify }: UpstreamConfig): string {
  return `${url} (priority ${priority}${verify === 'none' ? ', NOT verified' : ''})`
}

function formatAmount(amount: Amount): string {
  return amount.kind === 'bytes'
    ? formatSize(amount.bytes)
    : `${amount.percent}% of the file system`
}
