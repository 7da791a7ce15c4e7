import type { Machine } from '../machine.ts'
import type { Role } from '../roles.ts'
import { type Upgrade, type UpgradePlace, upgraded } from './upgrade.ts'
import { gainOf } from './worth.ts'

/** Upgrades bought together. */
export interface Combination {
  /** the best return for its money first */
  readonly upgrades: readonly Upgrade[]
  readonly priceCents: number
  /** in doublings, of all together */
  readonly gain: number
}

/** What is less than a quarter more of something is not worth opening a case for. */
export const leastGain = Math.log2(1.25)
const places: readonly UpgradePlace[] = ['memory', 'disk', 'link']

export interface Shop {
  readonly machine: Machine
  readonly role: Role
  readonly upgrades: readonly Upgrade[]
}

/**
 * Every combination worth its money, cheapest first: at most one upgrade of each place, or a whole
 * machine, and each part of it adds something the others do not. There are few, so all are tried:
 * the best of them is exact.
 */
export function worthwhile(shop: Shop): Combination[] {
  return allSets(shop)
    .filter((set) => set.length > 0 && set.every((upgrade) => addsEnough(set, upgrade, shop)))
    .map((set) => combine(set, shop))
    .toSorted(byPrice)
}

/**
 * The least money that makes the machine pass a test, as far as parts can.
 *
 * @returns undefined when no combination does; one without upgrades when the machine passes as it is
 */
export function cheapestThat(
  shop: Shop,
  passes: (machine: Machine) => boolean,
): Combination | undefined {
  const [cheapest] = allSets(shop)
    .filter((set) => passes(upgraded(shop.machine, set)))
    .map((set) => combine(set, shop))
    .toSorted(byPrice)
  return cheapest
}

/** Every way to buy: at most one upgrade of each place, or a whole machine; nothing is one too. */
function allSets(shop: Shop): (readonly Upgrade[])[] {
  let sets: (readonly Upgrade[])[] = [[]]
  for (const place of places) {
    const some = of(shop, place)
    sets = sets.concat(sets.flatMap((set) => some.map((upgrade) => [...set, upgrade])))
  }
  return [...sets, ...of(shop, 'machine').map((upgrade) => [upgrade])]
}

/** The most that so much money buys; of equals the cheapest. Undefined when nothing is worth it. */
export function bestWithin(
  combinations: readonly Combination[],
  budgetCents: number,
): Combination | undefined {
  return combinations
    .filter(({ priceCents }) => priceCents <= budgetCents)
    .reduce<Combination | undefined>(
      (best, one) => (best === undefined || one.gain > best.gain + tie ? one : best),
      undefined,
    )
}

/** The cheapest combination that does noticeably more than what the budget buys. */
export function nextAbove(
  combinations: readonly Combination[],
  best: Combination | undefined,
): Combination | undefined {
  return combinations.find(({ gain }) => gain >= (best?.gain ?? 0) + leastGain)
}

/** Rounding of logarithms must not decide between equals. */
const tie = 1e-9

function of({ upgrades }: Shop, place: UpgradePlace): Upgrade[] {
  return upgrades.filter((upgrade) => upgrade.place === place)
}

function addsEnough(set: readonly Upgrade[], upgrade: Upgrade, shop: Shop): boolean {
  const without = set.filter((other) => other !== upgrade)
  return totalGain(set, shop) - totalGain(without, shop) >= leastGain - tie
}

function totalGain(set: readonly Upgrade[], { machine, role }: Shop): number {
  return gainOf(machine, upgraded(machine, set), role)
}

function combine(set: readonly Upgrade[], shop: Shop): Combination {
  const priceCents = set.reduce((sum, upgrade) => sum + upgrade.priceCents, 0)
  return { upgrades: byReturn(set, shop), priceCents, gain: totalGain(set, shop) }
}

/** In the order to buy: each time what gives most for its money beside what is there already. */
function byReturn(set: readonly Upgrade[], shop: Shop): Upgrade[] {
  const order: Upgrade[] = []
  while (order.length < set.length) {
    const returns = set
      .filter((upgrade) => !order.includes(upgrade))
      .map((upgrade) => {
        const gain = totalGain([...order, upgrade], shop) - totalGain(order, shop)
        return { upgrade, perCent: gain / upgrade.priceCents }
      })
    const [first] = returns.toSorted((a, b) => b.perCent - a.perCent)
    if (first === undefined) break
    order.push(first.upgrade)
  }
  return order
}

function byPrice(a: Combination, b: Combination): number {
  return a.priceCents - b.priceCents || b.gain - a.gain || a.upgrades.length - b.upgrades.length
}
