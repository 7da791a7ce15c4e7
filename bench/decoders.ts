/**
 * `node bench/decoders.ts [--size 128MiB] [--rounds 5]`: the decoders of src/codec beside the usual
 * programs, on this machine, now.
 *
 * What is packed is Node's own executable, which is much like what NARs hold. Both sides run in a
 * process of their own, in turn, and are measured by the CPU time they take, which other work on
 * the machine disturbs less than it does the clock. A few tenths of a second of ours is Node's
 * start.
 */
import { spawnSync } from 'node:child_process'
import { openSync, readFileSync, readSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
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

type Compression = (typeof contests)[number]['compression']

/** What unpacking once took. */
interface Cost {
  readonly cpuSeconds: number
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
const [compression, path] = positionals
if (compression !== undefined && path !== undefined)
  process.stdout.write(JSON.stringify(await unpackHere(compression as Compression, path)))
else await compare(parseSize(values.size), Number(values.rounds))

async function compare(maxBytes: number, rounds: number): Promise<void> {
  const original = readFileSync(process.execPath).subarray(0, maxBytes)
  const megabytes = original.length / 1e6
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-decoders-'))
  const { cpu, node } = machineFacts()
  process.stdout.write(
    `${cpu}, Node ${node}, ${formatSize(original.length)} of Node's executable\n`,
  )
  process.stdout.write('MB unpacked per second of CPU: median (min–max)\n\n')
  process.stdout.write('| | narwhal | program | narwhal ÷ program | peak memory |\n')
  process.stdout.write('|---|--:|--:|--:|--:|\n')
  try {
    for (const { compression, program, level } of contests) {
      const packed = spawnSync(program, [level, '-c'], { input: original, maxBuffer: 2 ** 31 - 1 })
      if (packed.status !== 0) {
        process.stderr.write(`${program} is missing or failed\n`)
        continue
      }
      const path = join(directory, compression)
      await writeFile(path, packed.stdout)
      const ours: Cost[] = []
      const theirs: Cost[] = []
      for (let round = 0; round < rounds; round++) {
        ours.push(unpackInChild(compression, path))
        theirs.push(unpackByProgram(program, path))
      }
      const [rates, programRates] = [ours, theirs].map((costs) =>
        spreadOf(costs.map(({ cpuSeconds }) => megabytes / cpuSeconds)),
      )
      if (!rates || !programRates) continue
      const ratio = (rates.median / programRates.median).toFixed(2)
      const peak = formatSize(Math.max(...ours.map(({ peakBytes = 0 }) => peakBytes)))
      const cells = [
        `${program} ${level}`,
        formatSpread(rates),
        formatSpread(programRates),
        ratio,
        peak,
      ]
      process.stdout.write(`| ${cells.join(' | ')} |\n`)
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function unpackHere(compression: Compression, path: string): Promise<Cost> {
  const descriptor = openSync(path, 'r')
  const pieces = unpack(compression, async (into) => readSync(descriptor, into))
  for await (const _ of pieces);
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1e6, peakBytes: peakBytesOf(process.pid) }
}

function unpackInChild(compression: Compression, path: string): Cost {
  const run = spawnSync(process.execPath, [import.meta.filename, compression, path])
  if (run.status !== 0) throw new Error(`${compression} failed: ${run.stderr}`)
  return JSON.parse(run.stdout.toString())
}

/** The shell's `times` tells what its children took: "0m1.70s 0m0.02s" in its second line. */
function unpackByProgram(program: string, path: string): Cost {
  const run = spawnSync('sh', ['-c', '"$1" -dc <"$2" >/dev/null && times', 'sh', program, path])
  const children = run.stdout.toString().split('\n')[1] ?? ''
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  return { cpuSeconds: seconds.reduce((sum, part) => sum + part, 0) }
}

function formatSpread({ median, min, max }: { median: number; min: number; max: number }): string {
  return `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)})`
}
