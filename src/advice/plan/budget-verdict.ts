import type { Bottleneck } from '../bottleneck.ts'
import type { Machine } from '../machine.ts'
import type { Alternative, Statement, Verdict } from '../verdict.ts'
import type { Combination } from './combinations.ts'
import { isUrgent } from './need.ts'
import type { HostedPart } from './part.ts'
import { formatMoney, type PriceTable } from './price-table.ts'
import { seenMemory } from './upgrade.ts'

/** What has been found out, for the verdict to be drawn from. */
export interface Findings {
  readonly machine: Machine
  readonly prices: PriceTable
  readonly budgetCents: number
  readonly needs: readonly Bottleneck[]
  readonly best: Combination | undefined
  readonly next: Combination | undefined
  readonly free: readonly [Alternative, ...Alternative[]]
}

/** Is the money well spent? Yes where something hurts, no where nothing is short or nothing helps. */
export function judge(findings: Findings): Verdict {
  const { machine, prices, budgetCents, needs, best, next, free } = findings
  const money = formatMoney(budgetCents, prices.currency)
  const asked = `Is ${money} well spent on this machine?`
  const [worst, ...others] = needs.map(({ statement }) => statement)
  const offer = (combination: Combination, text: string): Alternative => ({
    kind: 'upgrade',
    text: `${text}: ${namesOf(combination)}.`,
    cost: formatMoney(combination.priceCents, prices.currency),
  })
  if (worst === undefined) {
    const more = best ?? next
    const offers = more ? [offer(more, 'If it should be faster all the same')] : []
    return { question: asked, answer: 'no', because: [nothingShort], instead: [...free, ...offers] }
  }
  if (best === undefined) {
    const because = next === undefined ? nothingHelps(machine) : tooLittle(next, money, prices)
    const offers = next === undefined ? tariffs(machine, prices, budgetCents) : []
    const least = next === undefined ? [] : [offer(next, 'The least that helps')]
    return {
      question: asked,
      answer: 'no',
      because: [because, worst],
      instead: [...free, ...offers, ...least],
    }
  }
  const because = [worst, ...others] as const
  if (needs.some(isUrgent)) return { question: asked, answer: 'yes', because }
  return {
    question: asked,
    answer: 'yes, if',
    because,
    conditions: ['you wait for it: nothing hurts yet, it only bounds what the machine can do'],
  }
}

const nothingShort: Statement = {
  text: 'Nothing of this machine is short: no processes killed, no disk or CPU busy all the time, no target missed. Keep the money and change settings.',
  source: 'decision tree "when to upgrade?"; what hurts later shows in the metrics',
  check: 'narwhal diagnose; narwhal monitor',
}

function nothingHelps(machine: Machine): Statement {
  if (isVirtual(machine))
    return {
      text: 'No part can be put into this machine: it is virtual. Its host or its next tariff decides.',
      source: 'the machine says that it is virtualised',
      check: 'systemd-detect-virt',
    }
  return {
    text: 'Nothing in the price table cures what this machine is short of.',
    source: 'every part of the price table was tried',
    check: 'narwhal diagnose',
  }
}

function isVirtual({ system }: Machine): boolean {
  return system.virtualization === 'vm' || system.virtualization === 'container'
}

/** Rented machines: what the next ones cost, and how long the budget lasts for them. */
function tariffs(
  machine: Machine,
  { parts, currency }: PriceTable,
  budgetCents: number,
): Alternative[] {
  if (!isVirtual(machine)) return []
  return parts
    .filter((part): part is HostedPart => part.kind === 'hosted')
    .filter(({ memoryBytes }) => seenMemory(memoryBytes) > machine.memory.totalBytes)
    .map((part) => {
      const months = Math.floor(budgetCents / part.priceCents)
      const span = months === 0 ? 'less than a month' : `${months} month${months === 1 ? '' : 's'}`
      const lasts = `the budget lasts ${span}`
      return {
        kind: 'upgrade',
        text: `Rent a larger one: ${part.name}, such as ${part.models.join(', ')}; ${lasts}.`,
        cost: `${formatMoney(part.priceCents, currency)} a month`,
      }
    })
}

function tooLittle(next: Combination, money: string, { currency }: PriceTable): Statement {
  return {
    text: `${money} buys nothing that helps; the least that does costs ${formatMoney(next.priceCents, currency)}.`,
    formula: `${next.priceCents / 100} > ${money}`,
    source: 'every combination of the price table was tried',
    check: 'narwhal plan --prices FILE, with prices you looked up',
  }
}

function namesOf({ upgrades }: Combination): string {
  return upgrades.map(({ title }) => title).join(' and ')
}
