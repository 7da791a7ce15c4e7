/**
 * `node bench/decoders.ts [--size 128MiB] [--rounds 5]`: the decoders of src/codec beside the usual
 * programs, on this machine, now; then the same unpacked, checked and packed anew with zstd.
 *
 * What is packed is Node's own executable, which is much like what NARs hold. Both sides run in a
 * process of their own, in turn, and are measured by the CPU time they take, which other work on
 * the machine disturbs less than it does the clock. A few tenths of a second of ours is Node's
 * start.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRepacker } from '../src/codec/nar-repack.ts'
import { unpack } from '../src/codec/unpack.ts'
import { formatSize, parseSize } from '../src/units.ts'
import { machineFacts } from './report.ts'
import { spreadOf } from './series.ts'
import { peakBytesOf } from './server.ts'

/** Each with the level that Nix, or whoever uses it, takes by default. */
const contests = [
  { compression: 'xz', program: 'xz', level: '-6' },
  { compression: 'bzip2', program: 'bzip2', level: '-9' },
  { compression: 'zstd', program: 'zstd', level: '-3' },
  { compression: 'gzip', program: 'gzip', level: '-6' },
  { compression: 'br', program: 'brotli', level: '-5' },
] as const

/** As the server does by default. */
const level = 3

type Compression = (typeof contests)[number]['compression'] | 'none'

/** What one run took. */
interface Cost {
  readonly cpuSeconds: number
  /** by the clock */
  readonly seconds: number
  /** resident at most, Node itself included; undefined for programs */
  readonly peakBytes?: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '128MiB' },
    rounds: { type: 'string', default: '5' },
  },
})
const [task, compression, path, original] = positionals
if (task === 'unpack' && compression !== undefined && path !== undefined)
  process.stdout.write(JSON.stringify(await unpackHere(compression as Compression, path)))
else if (task === 'repack' && path !== undefined && original !== undefined)
  process.stdout.write(JSON.stringify(await repackHere(compression as Compression, path, original)))
else await compare(parseSize(values.size), Number(values.rounds))

async function compare(maxBytes: number, rounds: number): Promise<void> {
  const original = readFileSync(process.execPath).subarray(0, maxBytes)
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-decoders-'))
  const { cpu, node } = machineFacts()
  process.stdout.write(
    `${cpu}, Node ${node}, ${formatSize(original.length)} of Node's executable\n`,
  )
  try {
    const originalPath = join(directory, 'none')
    await writeFile(originalPath, original)
    const packed: { compression: Compression; program: string; level: string; path: string }[] = []
    for (const contest of contests) {
      const { compression, program, level } = contest
      const run = spawnSync(program, [level, '-c'], { input: original, maxBuffer: 2 ** 31 - 1 })
      if (run.status === 0) {
        const path = join(directory, compression)
        await writeFile(path, run.stdout)
        packed.push({ ...contest, path })
      } else process.stderr.write(`${program} is missing or failed\n`)
    }
    process.stdout.write('\nMB unpacked per second of CPU: median (min–max)\n\n')
    writeHead('| | narwhal | program | narwhal ÷ program | peak memory |')
    for (const { compression, program, level, path } of packed)
      writeRow(`${program} ${level}`, original.length, {
        rounds,
        ours: () => runHere(['unpack', compression, path]),
        theirs: () => runShell('"$0" -dc <"$1" >/dev/null', [program, path]),
      })
    process.stdout.write(`\nUnpacked, checked and packed with zstd -${level}: the same\n\n`)
    writeHead('| | narwhal | program \\| zstd | narwhal ÷ programs | peak memory | by the clock |')
    const none = { compression: 'none', program: 'cat', level: '', path: originalPath } as const
    for (const { compression, program, level: packedWith, path } of [none, ...packed]) {
      if (compression === 'zstd') continue
      const unpackTo = program === 'cat' ? 'cat' : `${program} -dc`
      writeRow(`${program} ${packedWith}`, original.length, {
        rounds,
        ours: () => runHere(['repack', compression, path, originalPath]),
        theirs: () => runShell(`${unpackTo} <"$0" | zstd -q -${level} -c >/dev/null`, [path]),
        byClock: true,
      })
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

function writeHead(head: string): void {
  const columns = head.replaceAll('\\|', '').split('|').length - 3
  process.stdout.write(`${head}\n|---${'|--:'.repeat(columns)}|\n`)
}

interface Contest {
  readonly rounds: number
  readonly ours: () => Cost
  readonly theirs: () => Cost
  readonly byClock?: boolean
}

function writeRow(title: string, bytes: number, { rounds, ours, theirs, byClock }: Contest): void {
  const costs: Cost[] = []
  const theirCosts: Cost[] = []
  for (let round = 0; round < rounds; round++) {
    costs.push(ours())
    theirCosts.push(theirs())
  }
  const megabytes = bytes / 1e6
  const rates = spreadOf(costs.map(({ cpuSeconds }) => megabytes / cpuSeconds))
  const theirRates = spreadOf(theirCosts.map(({ cpuSeconds }) => megabytes / cpuSeconds))
  const cells = [
    title,
    formatSpread(rates),
    formatSpread(theirRates),
    (rates.median / theirRates.median).toFixed(2),
    formatSize(Math.max(...costs.map(({ peakBytes = 0 }) => peakBytes))),
  ]
  if (byClock) cells.push(formatSpread(spreadOf(costs.map(({ seconds }) => megabytes / seconds))))
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

async function unpackHere(compression: Compression, path: string): Promise<Cost> {
  const descriptor = openSync(path, 'r')
  const begin = performance.now()
  const pieces = unpack(compression, async (into) => readSync(descriptor, into))
  for await (const _ of pieces);
  return costSince(begin)
}

async function repackHere(compression: Compression, path: string, original: string): Promise<Cost> {
  const digester = createHash('sha256')
  const { size: narSize } = statSync(original)
  for await (const chunk of createReadStream(original)) digester.update(chunk)
  const narHash = { algorithm: 'sha256', digest: digester.digest() } as const
  const repacker = startRepacker({ workers: 1 })
  const before = process.cpuUsage()
  const begin = performance.now()
  const repacking = repacker.repack({ path, compression, narHash, narSize, level })
  repacking.finish(statSync(path).size)
  for await (const _ of repacking.chunks);
  const cost = costSince(begin, before)
  await repacker.close()
  return cost
}

function costSince(begin: number, before?: NodeJS.CpuUsage): Cost {
  const { user, system } = process.cpuUsage(before)
  return {
    cpuSeconds: (user + system) / 1e6,
    seconds: (performance.now() - begin) / 1e3,
    peakBytes: peakBytesOf(process.pid),
  }
}

/** Runs this file for one task in a process of its own. */
function runHere(task: readonly string[]): Cost {
  const run = spawnSync(process.execPath, [import.meta.filename, ...task])
  if (run.status !== 0) throw new Error(`${task.join(' ')} failed: ${run.stderr}`)
  return JSON.parse(run.stdout.toString())
}

/** The shell's `times` tells what its children took: "0m1.70s 0m0.02s" in its second line. */
function runShell(command: string, args: readonly string[]): Cost {
  const begin = performance.now()
  const run = spawnSync('sh', ['-c', `${command} && times`, ...args])
  const children = run.stdout.toString().split('\n')[1] ?? ''
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  return {
    cpuSeconds: seconds.reduce((sum, part) => sum + part, 0),
    seconds: (performance.now() - begin) / 1e3,
  }
}

function formatSpread({ median, min, max }: { median: number; min: number; max: number }): string {
  return `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)})`
}
