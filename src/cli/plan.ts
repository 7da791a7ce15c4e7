import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { planBudget } from '../advice/plan/budget-plan.ts'
import { planCapacity } from '../advice/plan/capacity-plan.ts'
import { type MemoryForm, memoryForms } from '../advice/plan/part.ts'
import { isDay } from '../advice/plan/price-kinds.ts'
import { currenciesOf, inCurrency, type PriceTable } from '../advice/plan/price-table.ts'
import { readPrices } from '../advice/plan/read-prices.ts'
import { type Role, roles } from '../advice/roles.ts'
import { formatMistakes } from '../config/mistake.ts'
import { AppError, messageOf } from '../errors.ts'
import { exitCodes, print, printJson, tell } from './output.ts'
import { budgetLines } from './plan/budget-lines.ts'
import { capacityLines } from './plan/capacity-lines.ts'
import { addWorkloadOptions, type WorkloadFlags, workloadFrom } from './plan/workload-options.ts'
import { addMachineOptions, type MachineOptions, machineFrom } from './sidecar/machine-options.ts'

interface Flags extends MachineOptions, WorkloadFlags {
  readonly budget?: number
  readonly currency?: string
  readonly prices?: string
  readonly role: Role
  readonly memoryForm?: MemoryForm
  readonly today?: string
  readonly json?: boolean
}

/** The table that comes with narwhal; it lies two levels up both in a checkout and in the package. */
const ownPrices = new URL('../../config/prices.toml', import.meta.url)

/** Adds `narwhal plan`: what to buy for some money, or what a team needs. */
export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('plan an upgrade for a budget, or the capacity for a team')
    .option('--budget <AMOUNT>', 'what to upgrade for so much money: 100', amountOfMoney)
    .option('--currency <CODE>', 'of the budget (default: that of the price table)', currencyCode)
    .option('--prices <FILE>', 'another price table; config/prices.toml shows the form')
    .addOption(
      new Option('--role <ROLE>', 'what the machine is for').choices(roles).default('builder'),
    )
    .addOption(
      new Option('--memory-form <FORM>', 'what its slots take, where you know it').choices(
        memoryForms,
      ),
    )
  addWorkloadOptions(command)
  addMachineOptions(command)
    .addOption(
      new Option('--today <DAY>', 'the day that ages count from').argParser(day).hideHelp(),
    )
    .option('--json', 'write the plan as JSON')
    .addHelpText(
      'after',
      '\nGive --budget or --developers. Exit code 1: the answer is no; what works instead is said.',
    )
    .action((flags: Flags) => plan(command, flags))
}

async function plan(command: Command, flags: Flags): Promise<void> {
  const { budget: budgetCents, role, memoryForm, json } = flags
  const today = flags.today ?? new Date().toISOString().slice(0, 10)
  const wrong = misuse(flags)
  if (wrong !== undefined) command.error(`error: ${wrong}`, { exitCode: exitCodes.usage })
  const given = workloadFrom(flags)
  const prices = pricesFrom(flags)
  const { machine, source } = await machineFrom(flags)
  const found =
    given !== undefined
      ? planCapacity({ machine, given, prices, today })
      : planBudget({ machine, role, prices, budgetCents: budgetCents ?? 0, today, memoryForm })
  if (json) printJson({ machine: source, ...found })
  else {
    tell(`machine: ${source}`)
    const lines = found.kind === 'budget' ? budgetLines(found) : capacityLines(found)
    print(lines.join('\n'))
  }
  if (found.verdict.answer === 'no') process.exitCode = exitCodes.no
}

/** Flags that contradict each other, or leave nothing to plan. */
function misuse({ budget, developers }: Flags): string | undefined {
  if (budget === undefined && developers === undefined)
    return 'nothing to plan: give --budget AMOUNT, or --developers N'
  if (budget !== undefined && developers !== undefined)
    return '--budget and --developers are two questions: ask one at a time'
  return undefined
}

/**
 * Reads the price table, in the currency asked for.
 *
 * @throws AppError BAD_PRICES that names every mistake, one a line; BAD_USAGE when the table has no
 * rate for the currency
 */
function pricesFrom({ prices: file, currency }: Flags): PriceTable {
  const reading = readPrices(readTable(file), file ?? 'config/prices.toml')
  if (!reading.ok) throw new AppError('BAD_PRICES', formatMistakes(reading.mistakes))
  const { table } = reading
  if (currency === undefined) return table
  const converted = inCurrency(table, currency)
  if (converted !== undefined) return converted
  const known = currenciesOf(table).join(', ')
  throw new AppError(
    'BAD_USAGE',
    `--currency ${currency}: the price table has ${known}; add the rate to its [rates]`,
  )
}

function readTable(file: string | undefined): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file ?? ownPrices))
  } catch (cause) {
    const reason = cause instanceof TypeError ? 'it is not UTF-8 text' : messageOf(cause)
    throw new AppError('BAD_PRICES', `cannot read ${file ?? ownPrices.pathname}: ${reason}`, {
      cause,
    })
  }
}

/** In hundredths. */
function amountOfMoney(text: string): number {
  const match = /^(\d{1,7})(?:\.(\d{1,2}))?$/.exec(text)
  if (!match) throw new InvalidArgumentError('Give an amount such as 100 or 99.50, 0 or more.')
  return Number(match[1]) * 100 + Number((match[2] ?? '0').padEnd(2, '0'))
}

function currencyCode(text: string): string {
  if (/^[A-Za-z]{3}$/.test(text)) return text.toUpperCase()
  throw new InvalidArgumentError('Give three letters such as EUR.')
}

function day(text: string): string {
  if (isDay(text)) return text
  throw new InvalidArgumentError('Give a day such as 2026-11-23.')
}
