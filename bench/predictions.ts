/** `npm run bench:predictions`: what the advice says narwhal will do here, beside what it does. */
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describedMachine } from '../src/advice/described-machine.ts'
import { predict } from '../src/advice/predict.ts'
import { takeMeasurements } from '../src/cli/measure/measure-machine.ts'
import { readCores } from '../src/host/cores.ts'
import { parseSize } from '../src/units.ts'
import { withFigures } from './closure/page.ts'
import { compare, formatComparisons } from './predictions/compare.ts'
import { busyCores, measureTruth } from './predictions/truth.ts'
import { onInterrupt, readFlagsOr, tell, tellEnd } from './program.ts'
import { machineFacts } from './report.ts'

const usage = `npm run bench:predictions -- [options]
  --rounds N        rounds of each measurement (3)
  --seconds N       length of one measurement of narwhal (0.5)
  --nar-size SIZE   size of the NAR that throughput is measured with (128MiB)
  --xz-nars N       NARs of 16 MiB to recompress (8)
  --directory DIR   where the cache goes, and the disk that is measured (the system's for temporary files)
  --write           put the results into docs/predictions.md
  --json            write the figures as JSON
`
const page = fileURLToPath(new URL('../docs/predictions.md', import.meta.url))
/** More work than this on the machine spoils the figures. */
const busyLoad = 0.5

const flags = readFlagsOr(usage, () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '0.5' },
      'nar-size': { type: 'string', default: '128MiB' },
      'xz-nars': { type: 'string', default: '8' },
      directory: { type: 'string', default: tmpdir() },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return values
})
const signal = onInterrupt()
const rounds = Number(flags.rounds)
const load = (loadavg()[0] ?? 0).toFixed(2)
if (Number(load) > busyLoad) tell(`load average ${load}: expect noise`)

try {
  const measurements = await takeMeasurements(
    { directory: flags.directory, rounds, onProgress: tell },
    signal,
  )
  const truth = await measureTruth({
    directory: flags.directory,
    ...{ rounds, signal, seconds: Number(flags.seconds), onProgress: tell },
    narBytes: parseSize(flags['nar-size']),
    xzNars: Number(flags['xz-nars']),
  })
  const machine = describedMachine({
    cpu: { cores: readCores(availableParallelism()) },
    measured: measurements.measured,
  })
  const { xzPackedShare } = truth
  const predictions = predict(machine, { client: 'here', xzPackedShare })
  const comparisons = compare(predictions, truth)
  const notes = [...measurements.notes, ...truth.notes]
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ measurements, truth, comparisons }, null, 2)}\n`)
  const { cpu, cores, node } = machineFacts()
  const figures = [
    `${new Date().toISOString().slice(0, 10)}: ${cpu}, ${cores} cores; Node ${node}; load average ${load} before.`,
    `\`${['npm run bench:predictions --', ...process.argv.slice(2)].join(' ').replace(/ --$/, '')}\`, rounds: ${rounds}.`,
    '',
    formatComparisons(comparisons),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : []),
  ].join('\n')
  if (!flags.json) process.stdout.write(`${figures}\n`)
  if (flags.write && truth.otherCores > busyCores)
    throw new Error(`not written: other work took ${truth.otherCores.toFixed(1)} cores meanwhile`)
  if (flags.write) await writeFile(page, withFigures(await readFile(page, 'utf8'), figures))
} catch (error) {
  process.exitCode = tellEnd(error, signal)
}
