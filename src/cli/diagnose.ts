import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { type DiagnosisFacts, diagnose } from '../advice/diagnosis.ts'
import type { Measurements } from '../advice/measured-figures.ts'
import { AppError } from '../errors.ts'
import { readMachine } from '../host/read-machine.ts'
import { readUpkeep } from '../host/upkeep.ts'
import { measuredLines } from './diagnose/measured-lines.ts'
import { diagnosisLines } from './diagnose/print-diagnosis.ts'
import { cleanAll } from './display/text.ts'
import { exitCodes, print, printJson, tell } from './output.ts'
import { addMachineOptions, type MachineOptions, machineFrom } from './sidecar/machine-options.ts'

interface Flags extends MachineOptions {
  readonly measure?: boolean
  readonly against?: URL
  readonly dataDir?: string
  readonly slow?: boolean
  readonly json?: boolean
}

/** Adds `narwhal diagnose`: what a machine is, what holds it back, and what to change. */
export function addDiagnose(program: Command): void {
  const command = program
    .command('diagnose')
    .description('find what this machine is, what holds it back, and what to change')
    .option('--slow', '"the cache is slow": find where the time goes, step by step')
    .option('--measure', 'measure disk, processor and loopback too (up to 45 s, 256 MiB of disk)')
    .option('--against <URL>', 'with --measure: the way to this binary cache too', address)
    .option(
      '--data-dir <DIR>',
      'where the cache lies, or will; --measure writes there for a moment',
    )
    .option('--json', 'write all of it as JSON')
  addMachineOptions(command)
    .addHelpText(
      'after',
      `
Needs no root, and says what it could not see without. Changes nothing.

Exit code 0: nothing is wrong now; 1: something is, and needs action; 2: wrong usage.`,
    )
    .action(run)
}

async function run(flags: Flags): Promise<void> {
  const gathered = await gather(flags)
  if (gathered === undefined) {
    tell('diagnose: interrupted')
    process.exitCode = 130
    return
  }
  const { facts, measurements } = gathered
  // Names of models, links and file systems come from elsewhere; they end up on a terminal.
  const diagnosis = diagnose(facts)
  if (flags.json) printJson({ ...diagnosis, ...(measurements && { measurements }) })
  else {
    const measured = measurements ? measuredLines(measurements) : []
    for (const line of diagnosisLines(cleanAll(diagnosis), measured)) print(line)
  }
  if (diagnosis.needsAction) process.exitCode = exitCodes.no
}

interface Gathered {
  readonly facts: DiagnosisFacts
  readonly measurements: Measurements | undefined
}

/** @returns undefined when it was interrupted */
async function gather(flags: Flags): Promise<Gathered | undefined> {
  const { ram, cores, threads, disk, link, machine: file, dataDir, slow: isSlow = false } = flags
  const isOther = [ram, cores, threads, disk, link, file].some((flag) => flag !== undefined)
  if (isOther && flags.measure)
    throw new AppError(
      'BAD_USAGE',
      '--measure measures this machine; leave out the flags of another',
    )
  if (flags.against && !flags.measure)
    throw new AppError('BAD_USAGE', '--against goes with --measure')
  if (isOther) {
    const { machine, source } = await machineFrom(flags)
    return { facts: { machine, source, upkeep: undefined, isSlow }, measurements: undefined }
  }
  const machine = await readMachine(dataDir === undefined ? {} : { dataDir: resolve(dataDir) })
  const measurements = flags.measure ? await measure(flags) : undefined
  if (measurements === 'interrupted') return undefined
  return {
    facts: {
      machine: { ...machine, measured: measurements?.measured ?? machine.measured },
      source: 'this machine',
      upkeep: readUpkeep(),
      isSlow,
    },
    measurements,
  }
}

async function measure({ dataDir = '.', against }: Flags): Promise<Measurements | 'interrupted'> {
  const { takeMeasurements } = await import('./measure/measure-machine.ts')
  const interrupt = new AbortController()
  const onInterrupt = () => interrupt.abort()
  for (const name of signals) process.once(name, onInterrupt)
  try {
    const options = { directory: resolve(dataDir), against, onProgress: showProgress }
    return await takeMeasurements(options, interrupt.signal)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    return 'interrupted'
  } finally {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    for (const name of signals) process.off(name, onInterrupt)
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** On a terminal one line that changes, elsewhere a line each. */
function showProgress(doing: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[Kdiagnose: ${doing}`)
  else tell(`diagnose: ${doing}`)
}

function address(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new InvalidArgumentError('Give a URL such as http://cache.lan:5000.')
}
