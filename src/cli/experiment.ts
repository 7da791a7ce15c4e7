import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { decisionLogMarkdown } from '../advice/experiment/decision-log.ts'
import {
  type Experiment,
  experimentsOf,
  nextId,
  openExperiment,
  resultOf,
} from '../advice/experiment/experiments.ts'
import type { JournalEntry, MeasurePlan } from '../advice/experiment/journal.ts'
import { AppError } from '../errors.ts'
import { cleanAll } from './display/text.ts'
import { appendEntry, defaultJournalFile, readJournal } from './experiment/journal-file.ts'
import { addPlanFlags, type PlanFlags, planFrom } from './experiment/plan-flags.ts'
import { baselineLines, logLines, resultLines } from './experiment/print-experiment.ts'
import { watchInterrupt } from './experiment/watch-interrupt.ts'
import { exitCodes, print, printJson, tell } from './output.ts'

interface Flags {
  readonly journal?: string
  readonly json?: boolean
}

/** Adds `narwhal experiment`: measure, change one thing, measure again, keep it or not, write it down. */
export function addExperiment(program: Command): void {
  const experiment = program
    .command('experiment')
    .description('change one thing, measure before and after, keep or revert it, and remember')
    .addHelpText(
      'after',
      `
  narwhal experiment start fewer-jobs --change "max-jobs 4 → 2" --command "nix-build slow.nix --check"
  (change it)
  narwhal experiment measure
  narwhal experiment keep --because "builds no longer swap"

One experiment at a time. The journal is one object of JSON a line; a damaged line costs itself alone.`,
    )
  const start = add(experiment, 'start', 'take a baseline, before anything is changed')
    .argument('<NAME>', 'a word or two for it', oneLine)
    .requiredOption(
      '--change <TEXT>',
      'the one thing that will be changed: "max-jobs 4 → 2"',
      oneLine,
    )
  addPlanFlags(start).action((name: string, flags: Flags & PlanFlags & { change: string }) =>
    begin(name, flags),
  )
  add(experiment, 'measure', 'measure again, after the change, and compare')
    .option('--baseline', 'the change is not made yet: more of the baseline')
    .addHelpText('after', '\nExit code 0: not worse than before; 1: worse.')
    .action(measure)
  for (const kind of ['keep', 'revert'] as const)
    add(experiment, kind, kind === 'keep' ? 'the change stays' : 'the change has been taken back')
      .option('--because <TEXT>', 'why, for those who read it later', oneLine)
      .action((flags: Flags & { because?: string }) => decide(kind, flags))
  add(experiment, 'log', 'tell all experiments and what was decided')
    .addOption(new Option('--markdown', 'as a table of Markdown').conflicts('json'))
    .action(log)
}

function add(experiment: Command, name: string, description: string): Command {
  return experiment
    .command(name)
    .description(description)
    .option('--journal <FILE>', 'where it is written down (default: in $XDG_STATE_HOME/narwhal)')
    .option('--json', 'write what is known as JSON')
}

async function begin(
  name: string,
  flags: Flags & PlanFlags & { readonly change: string },
): Promise<void> {
  const file = journalOf(flags)
  const plan = planFrom(flags)
  refuseSecond(read(file))
  const taken = await take('experiment', plan)
  if (taken === undefined) return
  if (taken.figures.length === 0)
    throw new AppError('NOT_MEASURED', `nothing could be measured: ${taken.notes.join(' ')}`)
  // Somebody else may have begun one meanwhile.
  const experiments = read(file)
  refuseSecond(experiments)
  const head = { id: nextId(experiments), name, change: flags.change, at: now() }
  appendEntry(file, { ...head, kind: 'start', plan, ...taken })
  const begun = openExperiment(read(file)) as Experiment
  if (flags.json) printJson(shown(begun))
  else for (const line of baselineLines(cleanAll(begun), next(flags))) print(line)
}

async function measure(flags: Flags & { readonly baseline?: boolean }): Promise<void> {
  const { baseline: isBaseline = false } = flags
  const file = journalOf(flags)
  const { plan, id, name, change } = theOpen(read(file))
  if (plan === undefined)
    throw new AppError(
      'NO_EXPERIMENT',
      `the line of ${file} with the baseline of "${name}" is damaged; revert it and start again`,
    )
  const taken = await take('experiment', plan)
  if (taken === undefined) return
  appendEntry(file, { id, name, change, at: now(), kind: 'measure', isBaseline, ...taken })
  const experiment = experimentsOf(readJournal(file).entries).find((one) => one.id === id)
  if (experiment === undefined) throw new AppError('NO_EXPERIMENT', `${file} was changed meanwhile`)
  const result = resultOf(experiment)
  const known = cleanAll(experiment)
  if (flags.json) printJson(shown(experiment))
  else
    for (const line of isBaseline || result === undefined
      ? baselineLines(known, next(flags))
      : resultLines(known, cleanAll(result)))
      print(line)
  if (!isBaseline && result?.verdict.outcome === 'worse') process.exitCode = exitCodes.no
}

function decide(kind: 'keep' | 'revert', flags: Flags & { readonly because?: string }): void {
  const file = journalOf(flags)
  const experiment = theOpen(read(file))
  const { id, name, change } = experiment
  // What broke at once may go unmeasured; what stays may not.
  if (kind === 'keep' && experiment.measurements.length === 0)
    throw new AppError('NOT_MEASURED', `"${name}" was not measured after the change`)
  const entry: JournalEntry = { id, name, change, at: now(), kind, because: flags.because }
  appendEntry(file, entry)
  const decided = read(file).find((one) => one.id === id) ?? experiment
  if (flags.json) printJson(shown(decided))
  else for (const line of logLines([cleanAll(decided)])) print(line)
  const advice = resultOf(experiment)?.verdict.advice
  if ((advice === 'keep' || advice === 'revert') && advice !== kind)
    tell(`the figures say ${advice}`)
}

function log(flags: Flags & { readonly markdown?: boolean }): void {
  const file = journalOf(flags)
  const { entries, damagedLines } = readJournal(file)
  const experiments = experimentsOf(entries)
  if (flags.json) printJson({ journal: file, damagedLines, experiments: experiments.map(shown) })
  else if (flags.markdown) print(decisionLogMarkdown(cleanAll(experiments)))
  else if (experiments.length === 0) tell(`no experiments in ${file}`)
  else for (const line of logLines(cleanAll(experiments))) print(line)
  warnOf(damagedLines, file)
}

async function take(command: string, plan: MeasurePlan) {
  const { takePlan } = await import('./experiment/take-plan.ts')
  return await watchInterrupt(command, (watched) => takePlan({ plan, ...watched }))
}

function read(file: string): Experiment[] {
  const { entries, damagedLines } = readJournal(file)
  warnOf(damagedLines, file)
  return experimentsOf(entries)
}

let hasWarned = false

function warnOf(damagedLines: readonly number[], file: string): void {
  if (damagedLines.length === 0 || hasWarned) return
  hasWarned = true
  const lines = damagedLines.join(', ')
  tell(`${file}: cannot read line ${lines}; all others count`)
}

/** One change at a time: of two at once nobody knows which it was. */
function refuseSecond(experiments: readonly Experiment[]): void {
  const open = openExperiment(experiments)
  if (open !== undefined)
    throw new AppError('EXPERIMENT_OPEN', `"${open.name}" (${open.change}) is not decided yet`)
}

function theOpen(experiments: readonly Experiment[]): Experiment {
  const open = openExperiment(experiments)
  if (open === undefined) throw new AppError('NO_EXPERIMENT', 'no experiment is open')
  return open
}

/** What --json tells of an experiment. */
function shown(experiment: Experiment) {
  return { ...experiment, result: resultOf(experiment) }
}

function journalOf({ journal }: Flags): string {
  return journal === undefined ? defaultJournalFile() : resolve(journal)
}

function next({ journal }: Flags): string {
  return `narwhal experiment measure${journal === undefined ? '' : ` --journal ${journal}`}`
}

function now(): string {
  return new Date().toISOString()
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  if (line !== '' && line.length <= 1000) return line
  throw new InvalidArgumentError('Give some words, 1000 characters at most.')
}
