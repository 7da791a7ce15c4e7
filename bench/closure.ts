/** `npm run bench:closure`: real Nix clients behind a long line: direct, through nginx, narwhal. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { formatSize, parseSize } from '../src/units.ts'
import { removeTree } from '../test/support/temp-dir.ts'
import { setClientApart } from './closure/apart.ts'
import { checkLine, slowStartBytes } from './closure/check-line.ts'
import { readClosureFacts, readNarInfo } from './closure/closure-facts.ts'
import { ahead } from './closure/favour.ts'
import { openLine } from './closure/line.ts'
import { findOrMakeClosure } from './closure/make-closure.ts'
import { withFigures } from './closure/page.ts'
import { plotTimes } from './closure/plot.ts'
import { busyLoad, formatReport, type Setting } from './closure/report.ts'
import type { Results } from './closure/results.ts'
import { type Task, takeRounds, tasks } from './closure/rounds.ts'
import { nginxVersion, startNginxFiles } from './nginx.ts'
import { memoryDirectory, onInterrupt, readFlagsOr, tell, tellEnd } from './program.ts'
import { machineFacts } from './report.ts'

const usage = `npm run bench:closure -- [options]
  --rounds N          rounds (3)
  --only TASK         copy, realise, single or hot (all of them)
  --rtt MS            round trip to the upstream, in milliseconds (40)
  --bandwidth MBIT    of the line to the upstream, in Mbit/s (1000)
  --dear              new connections cost what TLS over TCP does: handshakes and slow start
  --paths N           store paths of the closure (301)
  --size SIZE         of the closure, unpacked (500MB)
  --large-nar SIZE    size of the NAR that throughput is measured with (500MB)
  --seed N            another number, another closure (1)
  --apart             the client has a core to itself, as if it were a machine of its own
  --directory DIR     where stores and caches go; a tmpfs is best (/dev/shm)
  --json FILE         write every figure to a file
  --write             write the results and the plot into docs/
`
/** A graph of 14 layers needs some paths. */
const least = { rounds: 0, rtt: 0, bandwidth: 1, paths: 28, seed: 0 } as const
/** So many NARs are asked for to see when their first byte comes. */
const firstByteNars = 7
/** Share of the bytes that may come late before a note says so. */
const maxLateShare = 0.02

const flags = readFlags()
const interrupted = onInterrupt()

await main().catch((error: unknown) => {
  process.exitCode = tellEnd(error, interrupted)
})

async function main(): Promise<void> {
  const directory = await mkdtemp(join(flags.directory, 'narwhal-bench-'))
  try {
    const { setting, results } = await measure(directory)
    const report = formatReport(setting, results)
    process.stdout.write(report)
    if (flags.json) await writeFile(flags.json, JSON.stringify({ setting, results }, null, 2))
    if (flags.write) await writeDocs(setting, results)
  } finally {
    await removeTree(directory)
  }
}

async function measure(directory: string): Promise<{ setting: Setting; results: Results }> {
  const machine = machineFacts()
  const launcher = flags.apart ? setClientApart() : []
  const loadBefore = Number((loadavg()[0] ?? 0).toFixed(2))
  if (loadBefore > busyLoad) tell(`load average ${loadBefore}: expect noise`)
  const recipe = {
    paths: Number(flags.paths),
    totalBytes: parseSize(flags.size),
    largeNarBytes: parseSize(flags['large-nar']),
    seed: Number(flags.seed),
  }
  const closure = await findOrMakeClosure(recipe, directory, tell)
  const facts = await readClosureFacts(closure)
  const large = await readNarInfo(closure, closure.largePath)
  const wanted = {
    rttMs: Number(flags.rtt),
    bytesPerSecond: (Number(flags.bandwidth) * 1e6) / 8,
    isDear: flags.dear,
  }

  await using upstream = await startNginxFiles(
    closure.cacheDirectory,
    join(directory, 'upstream'),
    ahead('world'),
  )
  await using line = await openLine({ ...wanted, port: Number(new URL(upstream.url).port) })
  const checked = await checkLine({
    ...wanted,
    url: line.url,
    largeUrl: `${line.url}/${large.url}`,
  })
  const setting: Setting = {
    date: new Date().toISOString().slice(0, 10),
    ...{ ...machine, nginx: await nginxVersion(), nix: await nixVersion() },
    ...{ loadBefore, rounds: Number(flags.rounds), ...wanted, line: checked, closure: facts },
    command: ['npm run bench:closure --', ...process.argv.slice(2)].join(' '),
    largeNarBytes: large.narSize,
  }
  const results = await takeRounds({
    tasks: flags.only === undefined ? tasks : [flags.only as Task],
    ...{ rounds: setting.rounds, closure, line, directory, launcher, onProgress: tell },
    bigHashes: facts.biggest.slice(0, firstByteNars),
    largeHash: large.storePath.hash,
    signal: interrupted,
  })
  return { setting, results: withLateNotes(results) }
}

/** A run whose bytes came late was slowed down by the machine, not by the line. */
function withLateNotes(results: Results): Results {
  const late = results.closures.filter((run) => run.lateShare > maxLateShare)
  if (late.length === 0) return results
  const worst = Math.max(...late.map((run) => run.lateShare * 100)).toFixed(0)
  const note = `In ${late.length} of ${results.closures.length} runs the relay delivered more than ${maxLateShare * 100} % of the bytes over 5 ms late (at worst ${worst} %): the machine had too much else to do.`
  return { ...results, notes: [...results.notes, note] }
}

async function writeDocs(setting: Setting, results: Results): Promise<void> {
  const title = `A closure of ${setting.closure.paths} paths, upstream ${setting.rttMs} ms away`
  await writeFile(docs('performance.svg'), plotTimes(results, title))
  const page = docs('performance.md')
  const figures = `![${title}](performance.svg)\n\n${formatReport(setting, results)}`
  await writeFile(page, withFigures(await readFile(page, 'utf8'), figures))
}

function docs(name: string): string {
  return fileURLToPath(new URL(`../docs/${name}`, import.meta.url))
}

async function nixVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)('nix', ['--version'])
  return /(\d[\d.]*)/.exec(stdout)?.[1] ?? 'unknown'
}

function readFlags() {
  return readFlagsOr(usage, () => {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '3' },
        only: { type: 'string' },
        rtt: { type: 'string', default: '40' },
        bandwidth: { type: 'string', default: '1000' },
        paths: { type: 'string', default: '301' },
        size: { type: 'string', default: '500MB' },
        'large-nar': { type: 'string', default: '500MB' },
        seed: { type: 'string', default: '1' },
        directory: {
          type: 'string',
          default: memoryDirectory,
        },
        json: { type: 'string' },
        dear: { type: 'boolean', default: false },
        apart: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    for (const name of ['rounds', 'rtt', 'bandwidth', 'paths', 'seed'] as const)
      if (!(Number(values[name]) >= least[name]))
        throw new Error(`--${name} takes a number from ${least[name]} on, not "${values[name]}"`)
    if (values.dear && parseSize(values['large-nar']) < 2 * slowStartBytes)
      throw new Error(
        `--dear measures the line once ${formatSize(slowStartBytes)} have come: give a --large-nar of twice that`,
      )
    if (values.only !== undefined && !tasks.some((task) => task === values.only))
      throw new Error(`--only takes one of ${tasks.join(', ')}, not "${values.only}"`)
    if (values.write && values.only !== undefined)
      throw new Error('--write puts all figures into docs/: leave out --only')
    if (values.write && (values.apart || values.dear))
      throw new Error(
        '--write puts figures of the plain setting into docs/: leave out --apart and --dear',
      )
    return values
  })
}
