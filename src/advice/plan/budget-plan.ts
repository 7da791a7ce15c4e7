import type { Bottleneck } from '../bottleneck.ts'
import type { Machine } from '../machine.ts'
import type { Role } from '../roles.ts'
import type { Alternative, Statement, Verdict } from '../verdict.ts'
import { judge } from './budget-verdict.ts'
import { bestWithin, type Combination, leastGain, nextAbove, worthwhile } from './combinations.ts'
import { type Effect, effectsOf } from './effects.ts'
import { freeMeasures } from './free-measures.ts'
import { migrationOf } from './migration.ts'
import { findNeeds } from './need.ts'
import { notAdvised } from './not-advised.ts'
import type { MemoryForm } from './part.ts'
import { describeAge, type PriceTable } from './price-table.ts'
import { openShop } from './shop.ts'
import { type Upgrade, upgraded } from './upgrade.ts'
import { gainOf } from './worth.ts'

export interface BudgetQuestion {
  readonly machine: Machine
  readonly role: Role
  readonly prices: PriceTable
  /** in hundredths of the table's currency */
  readonly budgetCents: number
  /** the day it is asked, as 2026-11-23 */
  readonly today: string
  /** what the slots take, where it is known */
  readonly memoryForm?: MemoryForm | undefined
}

/** An upgrade by itself, and what it gains for its money. */
export interface Return {
  readonly upgrade: Upgrade
  /** in doublings of what counts for the role */
  readonly gain: number
  /** doublings for 100 of the currency */
  readonly gainPer100: number
  readonly isWithinBudget: boolean
  readonly effects: readonly Effect[]
}

/** What `narwhal plan --budget --json` prints. Money is in hundredths of `currency`. */
export interface BudgetPlan {
  readonly kind: 'budget'
  readonly role: Role
  readonly budgetCents: number
  readonly currency: string
  readonly prices: {
    readonly asOf: string
    readonly age: string
    readonly source: string
    readonly note?: string
  }
  readonly verdict: Verdict
  /** what the machine is short of, worst first */
  readonly needs: readonly Bottleneck[]
  /** each upgrade that gains a quarter or more by itself, which no other of its place does for less; best return first */
  readonly returns: readonly Return[]
  /** the most the budget buys; absent when nothing is worth it */
  readonly best?: Purchase
  /** what a little more money would buy */
  readonly next?: Purchase
  readonly free: readonly Alternative[]
  /** what is not advised, and why */
  readonly notAdvised: readonly Statement[]
}

export interface Purchase extends Combination {
  readonly effects: readonly Effect[]
  /** how to get there, from the measurement before to the one after */
  readonly migration: readonly string[]
  readonly leftCents: number
}

/** Answers "what should I upgrade with so much money?". */
export function planBudget(question: BudgetQuestion): BudgetPlan {
  const { machine, role, prices, budgetCents, today, memoryForm } = question
  const shop = openShop({ machine, role }, prices.parts, memoryForm)
  const { upgrades } = shop
  const needs = findNeeds(machine, role)
  const all = worthwhile(shop)
  const best = bestWithin(all, budgetCents)
  const next = nextAbove(
    all.filter(({ priceCents }) => priceCents > budgetCents),
    best,
  )
  const free = freeMeasures(machine)
  const purchase = (combination: Combination): Purchase => ({
    ...combination,
    effects: effectsOf(machine, upgraded(machine, combination.upgrades)),
    migration: migrationOf(combination.upgrades, role),
    leftCents: budgetCents - combination.priceCents,
  })
  return {
    kind: 'budget',
    role,
    budgetCents,
    currency: prices.currency,
    prices: {
      asOf: prices.asOf,
      age: describeAge(prices, today),
      source: prices.source,
      ...(prices.note !== undefined && { note: prices.note }),
    },
    verdict: judge({ machine, prices, budgetCents, needs, best, next, free }),
    needs,
    returns: returnsOf(upgrades, question),
    ...(best && { best: purchase(best) }),
    ...(next && { next: purchase(next) }),
    free,
    notAdvised: notAdvised(machine, upgrades),
  }
}

function returnsOf(upgrades: readonly Upgrade[], question: BudgetQuestion): Return[] {
  const { machine, role, budgetCents } = question
  return upgrades
    .map((upgrade) => {
      const after = upgraded(machine, [upgrade])
      const gain = gainOf(machine, after, role)
      return {
        upgrade,
        gain,
        gainPer100: (gain * 10_000) / upgrade.priceCents,
        isWithinBudget: upgrade.priceCents <= budgetCents,
        effects: effectsOf(machine, after),
      }
    })
    .filter(({ gain }) => gain >= leastGain)
    .filter((one, _, all) => !all.some((other) => doesForLess(other, one)))
    .toSorted((a, b) => b.gainPer100 - a.gainPer100 || a.upgrade.priceCents - b.upgrade.priceCents)
}

/** Of one place, at least as much for less money. */
function doesForLess(other: Return, one: Return): boolean {
  return (
    other.upgrade.place === one.upgrade.place &&
    other.upgrade.priceCents < one.upgrade.priceCents &&
    other.gain >= one.gain
  )
}
