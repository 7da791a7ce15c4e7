/** `npm run bench:observers`: what it costs to be watched, and whether `narwhal bench` tells the truth. */
import { execFile } from 'node:child_process'
import { get } from 'node:http'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { BenchReport } from '../src/cli/bench/report.ts'
import { printStorePath } from '../src/nix/store-path.ts'
import { MiB } from '../src/units.ts'
import { type Caches, fillNarwhal, withCaches } from './contest.ts'
import { measurements } from './measurements.ts'
import { startNarwhal } from './narwhal.ts'
import { startNginx } from './nginx.ts'
import { memoryDirectory, onInterrupt, readFlagsOr, tell, tellEnd } from './program.ts'
import { machineFacts } from './report.ts'
import { spreadOf } from './series.ts'
import { type BenchServer, onCore } from './server.ts'
import { alignTable, formatSpread } from './table.ts'

const usage = `npm run bench:observers -- [options]
  --rounds N       rounds that count (5)
  --seconds N      length of one measurement (2)
  --skip-watched   only compare the two benches
  --directory DIR  where the caches go; a tmpfs is best (/dev/shm)
`
const titles = [
  'narinfo latency, 1 connection',
  'narinfo rate, 25 connections',
  'NAR throughput, 1 reader',
  'NAR throughput, 4 readers',
  'NAR throughput, 16 readers',
] as const
type Title = (typeof titles)[number]
/** What a server spends, which other work on the machine does not change as it changes a rate. */
const spendings = ['CPU time a narinfo, 25 connections', 'CPU time a GB of NAR, 4 readers'] as const
type Measured = Title | (typeof spendings)[number]

/** The same figures as `narwhal bench` names them, in the unit of the project's own bench. */
const sameFigures: Readonly<Record<Title, (figures: BenchFigures) => number | undefined>> = {
  'narinfo latency, 1 connection': ({ hitMedianMs }) => hitMedianMs && hitMedianMs.median * 1000,
  'narinfo rate, 25 connections': ({ hitsPerSecond }) => hitsPerSecond?.median,
  'NAR throughput, 1 reader': ({ nar1MBs }) => nar1MBs?.median,
  'NAR throughput, 4 readers': ({ nar4MBs }) => nar4MBs?.median,
  'NAR throughput, 16 readers': ({ nar16MBs }) => nar16MBs?.median,
}
type BenchFigures = BenchReport['caches'][number]['figures']

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const flags = readFlags()
const interrupted = onInterrupt()
const rounds = Number(flags.rounds)
const seconds = Number(flags.seconds)

await withCaches(
  { directory: flags.directory, narBytes: 128 * MiB, seconds, onProgress: tell },
  measureAll,
).catch((error: unknown) => {
  process.exitCode = tellEnd(error, interrupted)
})

async function measureAll(caches: Caches): Promise<void> {
  const loadBefore = (loadavg()[0] ?? 0).toFixed(2)
  await using nginx = await startNginx(caches.root, join(caches.directory, 'nginx'))
  const proxyOptions = await fillNarwhal(caches, nginx.url, { onProgress: tell })
  await using narwhal = await startNarwhal(proxyOptions)
  const { cpu, cores, node } = machineFacts()
  print(
    `${new Date().toISOString().slice(0, 10)}: ${cpu}, ${cores} cores, Node ${node}; load average ${loadBefore} before.`,
  )
  const words = process.argv.slice(2).join(' ')
  print(`\`npm run bench:observers${words && ` -- ${words}`}\``)
  print('')
  if (!flags['skip-watched']) print(`${await beWatched(narwhal, caches)}\n`)
  print(await compareTools([nginx, narwhal], caches))
}

/** Metrics scraped every second, 15 times as often as Prometheus does, and one page at / left open. */
async function beWatched(narwhal: BenchServer, caches: Caches): Promise<string> {
  const all = [...titles, ...spendings] as const
  const alone = collected(all)
  const watched = collected(all)
  for (let round = 0; round <= rounds; round++) {
    tell(round === 0 ? 'warming up' : `watched and not, round ${round} of ${rounds}`)
    const turns = [
      () => take(narwhal, caches, alone, round),
      () => take(narwhal, caches, watched, round),
    ]
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const stop = which === 1 ? watch(narwhal.url) : undefined
      try {
        await turns[which]?.()
      } finally {
        stop?.()
      }
    }
  }
  const head = ['narwhal, median (min–max)', 'nobody looks', 'watched', 'watched ÷ not']
  return alignTable(
    head,
    all.map((title) => [
      `${title}, ${unitOf(title)}`,
      formatSpread(alone[title]),
      formatSpread(watched[title]),
      formatRatio(alone[title], watched[title]),
    ]),
  )
}

function watch(url: string): () => void {
  const stopping = new AbortController()
  const { signal } = stopping
  const page = get(`${url}/api/v1/events`, (response) => response.resume()).on('error', () => {})
  void (async () => {
    while (!signal.aborted) {
      await fetch(`${url}/metrics`, { signal }).then((response) => response.text())
      await delay(1000, undefined, { signal })
    }
  })().catch(() => {})
  return () => {
    stopping.abort()
    page.destroy()
  }
}

/** The project's own bench and the command every user has, in turn, on the same servers. */
async function compareTools(servers: readonly BenchServer[], caches: Caches): Promise<string> {
  const own = servers.map(() => collected(titles))
  const command = servers.map(() => collected(titles))
  for (let round = 1; round <= rounds; round++) {
    tell(`bench and narwhal bench, round ${round} of ${rounds}`)
    for (const [at, server] of servers.entries()) {
      const takeOwn = () => take(server, caches, own[at] as Collected<Title>, round)
      const takeCommands = async () => {
        const figures = await runCommand(server.url, caches)
        for (const title of titles)
          command[at]?.[title].push(sameFigures[title](figures) ?? Number.NaN)
      }
      const turns = [takeOwn, takeCommands]
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn()
    }
  }
  const rows = servers.flatMap((server, at) =>
    titles.map((title) => {
      const [mine, theirs] = [own[at]?.[title] ?? [], command[at]?.[title] ?? []]
      return [
        `${server.name}: ${title}, ${unitOf(title)}`,
        ...[formatSpread(mine), formatSpread(theirs), formatRatio(mine, theirs)],
      ]
    }),
  )
  return alignTable(['median (min–max)', 'npm run bench', 'narwhal bench', 'ratio'], rows)
}

async function runCommand(url: string, { small, big }: Caches): Promise<BenchFigures> {
  const paths = [...big.infos, ...small.infos].map((info) =>
    printStorePath(info.storePath, '/nix/store'),
  )
  const [program = process.execPath, ...words] = [
    ...onCore('load'),
    ...[process.execPath, main, 'bench', url, '--json', '--rounds', '1'],
    ...['--seconds', String(seconds), ...paths.flatMap((path) => ['--path', path])],
  ]
  const { stdout } = await promisify(execFile)(program, words).catch((error) => error)
  const report: BenchReport = JSON.parse(stdout)
  return report.caches[0]?.figures ?? {}
}

type Collected<T extends Measured> = Record<T, number[]>

function collected<T extends Measured>(which: readonly T[]): Collected<T> {
  return Object.fromEntries(which.map((title) => [title, []])) as unknown as Collected<T>
}

async function take<T extends Measured>(
  server: BenchServer,
  caches: Caches,
  into: Collected<T>,
  round: number,
) {
  for (const title of Object.keys(into) as T[]) {
    interrupted.throwIfAborted()
    const figure = await measurementOf(title).measure(server, caches.workload)
    if (round > 0) into[title].push(figure)
  }
}

/**
 * The median of the ratios of each round: what is measured right after one another ran on the same
 * machine, which over minutes may become half as fast and recover.
 */
function formatRatio(before: readonly number[], after: readonly number[]): string {
  const ratios = after.map((figure, round) => figure / (before[round] ?? Number.NaN))
  return spreadOf(ratios).median.toFixed(2)
}

function measurementOf(title: Measured) {
  const found = measurements.find((one) => one.title === title)
  if (!found) throw new Error(`no measurement is called "${title}"`)
  return found
}

function unitOf(title: Measured): string {
  return measurementOf(title).unit
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function readFlags() {
  return readFlagsOr(usage, () => {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '2' },
        directory: {
          type: 'string',
          default: memoryDirectory,
        },
        'skip-watched': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  })
}
