import { formatSize } from '../../units.ts'
import { describedMachine } from '../described-machine.ts'
import type { Machine } from '../machine.ts'
import type { Alternative } from '../verdict.ts'
import { cheapestThat } from './combinations.ts'
import type { Demand } from './demand.ts'
import { fittingBuildsPerDay, fittingDevelopers } from './fitting.ts'
import { gapOf, isEnough, slotsFor } from './gap.ts'
import type { HostedPart, MachinePart } from './part.ts'
import { formatMoney, type PriceTable } from './price-table.ts'
import { openShop } from './shop.ts'
import { seenMemory } from './upgrade.ts'
import type { Workload, WorkloadInput } from './workload.ts'

export interface Shortage {
  readonly machine: Machine
  readonly given: WorkloadInput
  readonly work: Workload
  readonly demand: Demand
  readonly prices: PriceTable
}

/** What works instead, where a machine is too small for a team: there is always something. */
export function capacityAlternatives(shortage: Shortage): [Alternative, ...Alternative[]] {
  // Other builders do not help a machine that lacks disk or line only.
  const lacksSlots = slotsFor(shortage.machine, shortage.work) < shortage.demand.slots
  const ways = lacksSlots ? [upgrade, builders, cloud] : [upgrade]
  const [first, ...others] = ways.flatMap((find) => find(shortage) ?? [])
  const last = fewer(shortage)
  return first === undefined ? [last] : [first, ...others, last]
}

/** The cheapest parts, or the cheapest machine, that carry all of it. */
function upgrade({ machine, demand, prices }: Shortage): Alternative | undefined {
  const shop = openShop({ machine, role: 'builder' }, prices.parts)
  const found = cheapestThat(shop, (after) => isEnough(after, demand))
  if (found === undefined || found.upgrades.length === 0)
    return {
      kind: 'upgrade',
      text: `No machine and no parts of the price table carry it alone: ${demand.threads} threads, ${formatSize(demand.memoryBytes)} of memory and ${formatSize(demand.diskBytes)} of disk are needed.`,
    }
  return {
    kind: 'upgrade',
    text: `${found.upgrades.map(({ title }) => title).join(' and ')} in place of what is there: that carries all of it.`,
    cost: formatMoney(found.priceCents, prices.currency),
  }
}

/** This machine serves, others build: the cheapest number of one kind. */
function builders(shortage: Shortage): Alternative | undefined {
  const { prices } = shortage
  const parts = prices.parts.filter((part): part is MachinePart => part.kind === 'machine')
  const found = cheapestFleet(parts, shortage)
  if (found === undefined) return undefined
  const { part, count, slots } = found
  return {
    kind: 'alternative',
    text: `Distributed builds: this machine serves and hands builds on to ${count} × ${part.name}, which ${count === 1 ? 'runs' : 'together run'} ${slots} at once (narwhal generate-config --distributed HOST).${stillShort(shortage)}`,
    cost: formatMoney(count * part.priceCents, prices.currency),
  }
}

function cloud(shortage: Shortage): Alternative | undefined {
  const { prices, work } = shortage
  const parts = prices.parts.filter((part): part is HostedPart => part.kind === 'hosted')
  const found = cheapestFleet(parts, shortage)
  if (found === undefined) return undefined
  const { part, count } = found
  const monthly = formatMoney(count * part.priceCents, prices.currency)
  const hours = work.hoursPerDay * work.workDays
  return {
    kind: 'alternative',
    text: `Hybrid: this machine serves; rent ${count} × ${part.name} to build and push here with nix copy. Billed by the hour and switched off outside of ${hours} working hours of 730, it costs less.`,
    cost: `${monthly} a month`,
  }
}

function fewer({ machine, given, work }: Shortage): Alternative {
  const developers = fittingDevelopers(machine, given)
  const builds = fittingBuildsPerDay(machine, given)
  if (developers === 0)
    return {
      kind: 'workaround',
      text: 'Smaller: not one developer’s builds fit here. Let it serve what others build: narwhal assess --role proxy.',
      cost: 'all builds run elsewhere',
    }
  const each = builds === 0 ? '' : `, or ${builds} builds a day for each of ${work.developers}`
  return {
    kind: 'workaround',
    text: `Smaller: as it is, it carries ${developers} developer${developers === 1 ? '' : 's'} with ${work.buildsPerDay} builds a day${each}.`,
    cost: `${work.developers - developers} developers build elsewhere`,
  }
}

interface Fleet<Part> {
  readonly part: Part
  readonly count: number
  readonly slots: number
}

/** So many of one kind that all builds find a place; of equal cost the fewer machines. */
function cheapestFleet<Part extends MachinePart | HostedPart>(
  parts: readonly Part[],
  { demand, work }: Shortage,
): Fleet<Part> | undefined {
  const fleets = parts.flatMap((part) => {
    const builder = describedMachine({
      cpu: { cores: part.threads },
      memory: { totalBytes: seenMemory(part.memoryBytes) },
    })
    // A build does not spread over two machines.
    const builds = Math.floor(slotsFor(builder, work) / work.jobsPerBuild)
    if (builds === 0) return []
    const count = Math.ceil(demand.slots / work.jobsPerBuild / builds)
    return [{ part, count, slots: count * builds * work.jobsPerBuild }]
  })
  const [cheapest] = fleets.toSorted(
    (a, b) => a.count * a.part.priceCents - b.count * b.part.priceCents || a.count - b.count,
  )
  return cheapest
}

/** What other builders do not cure: they bring no disk and no link to this machine. */
function stillShort({ machine, demand }: Shortage): string {
  const short = gapOf(machine, demand).filter(
    ({ what, isEnough }) => isEnough === false && (what === 'disk' || what === 'delivery'),
  )
  if (short.length === 0) return ''
  const words = short.map(({ what, needed, has }) => `${what} (${has} of ${needed})`)
  return ` It still lacks ${words.join(' and ')}.`
}
