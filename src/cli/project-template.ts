import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { experimentsOf } from '../advice/experiment/experiments.ts'
import { planBudget } from '../advice/plan/budget-plan.ts'
import { isDay } from '../advice/plan/price-kinds.ts'
import { readPrices } from '../advice/plan/read-prices.ts'
import { decisionsOf } from '../advice/project/decisions.ts'
import { projectTemplate } from '../advice/project-template.ts'
import { type Role, roles } from '../advice/roles.ts'
import { AppError, messageOf } from '../errors.ts'
import { defaultJournalFile, readJournal } from './experiment/journal-file.ts'
import { print, tell } from './output.ts'
import { addMachineOptions, type MachineOptions, machineFrom } from './sidecar/machine-options.ts'

interface Flags extends MachineOptions {
  readonly title: string
  readonly role: Role
  readonly date?: string
  readonly budget: number
  readonly journal?: string
  readonly out?: string
  readonly force?: boolean
}

const ownPrices = new URL('../../config/prices.toml', import.meta.url)

/** Adds `narwhal project-template`: the page a project is kept on, filled from the machine. */
export function addProjectTemplate(program: Command): void {
  const command = program
    .command('project-template')
    .description('write a project page for Notion: phases, hardware, decisions, metrics, timeline')
    .option('--title <TITLE>', 'of the page', 'NixOS cache server')
    .addOption(
      new Option('--role <ROLE>', 'what the machine is for').choices(roles).default('proxy'),
    )
    .option('--date <DAY>', 'the day it begins (default: today)', day)
    .option('--budget <AMOUNT>', 'money for the upgrade plan', amount, 100)
    .option('--journal <FILE>', 'of experiments, for the decision log (default: your own)')
    .option('-o, --out <FILE>', 'write it there (default: stdout)')
    .option('--force', 'with --out: replace the file that is there')
  addMachineOptions(command)
    .addHelpText('after', '\nNotion: Settings, Import, Markdown; or paste it into an empty page.')
    .action(writeTemplate)
}

async function writeTemplate(flags: Flags): Promise<void> {
  const { title, role, out, force = false, date = new Date().toISOString().slice(0, 10) } = flags
  if (out !== undefined && !force && existsSync(out))
    throw new AppError('FILE_EXISTS', `${out} is there already; --force replaces it`)
  const { machine, source } = await machineFrom(flags)
  const prices = readPrices(readFileSync(ownPrices, 'utf8'), 'config/prices.toml')
  const plan = prices.ok
    ? planBudget({
        ...{ machine, role, prices: prices.table, today: date },
        budgetCents: flags.budget * 100,
      })
    : undefined
  const journal = journalOf(flags, source)
  const entries = journal === undefined ? [] : readJournal(journal).entries
  const decisions = decisionsOf(experimentsOf(entries))
  const text = projectTemplate({ title, date, role, machine, source, plan, decisions })
  if (out === undefined) return print(text.trimEnd())
  try {
    writeFileSync(out, text, { flag: force ? 'w' : 'wx' })
  } catch (cause) {
    throw new AppError('CANNOT_WRITE', `cannot write ${out}: ${messageOf(cause)}`, { cause })
  }
  tell(`wrote ${out}`)
}

/** One's own journal is about this machine; of another one it must be named. */
function journalOf({ journal }: Flags, source: string): string | undefined {
  if (journal !== undefined) return resolve(journal)
  return source === 'this machine' ? defaultJournalFile() : undefined
}

function day(text: string): string {
  if (isDay(text)) return text
  throw new InvalidArgumentError('Give a day such as 2026-11-23.')
}

function amount(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole amount such as 100.')
}
