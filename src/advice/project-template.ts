import type { Assessment } from './assess.ts'
import { assess } from './assess.ts'
import type { Machine } from './machine.ts'
import type { BudgetPlan } from './plan/budget-plan.ts'
import { daysAfter, nextBlackFriday } from './project/days.ts'
import { type Decision, decisionTable } from './project/decisions.ts'
import { hardwareTable } from './project/hardware.ts'
import { checklist, code, list, page, table } from './project/markdown.ts'
import { criteriaTable, metricsTable } from './project/metrics.ts'
import { type Phase, phases } from './project/phases.ts'
import { upgradeParts } from './project/upgrades.ts'
import { type Role, roleTexts } from './roles.ts'

export interface ProjectFacts {
  readonly title: string
  /** the day it begins, as 2026-11-23 */
  readonly date: string
  readonly role: Role
  readonly machine: Machine
  /** where the machine is known from */
  readonly source: string
  /** what some money would buy; undefined where nobody asked */
  readonly plan?: BudgetPlan | undefined
  /** of the journal of experiments */
  readonly decisions: readonly Decision[]
}

/** Writes the page a project is kept on, in Markdown that Notion imports, filled from a machine. */
export function projectTemplate(facts: ProjectFacts): string {
  const { title, date, role, machine, source, plan, decisions } = facts
  const assessment = assess(machine, role)
  const steps = phases(machine, role)
  return page([
    `# ${title.replace(/\s+/g, ' ').trim()}`,
    table(
      ['Fact', 'Value'],
      [
        ['Begins', date],
        ['Role', `${role}: ${roleTexts[role]}`],
        ['Machine', source],
        ['Owner', ''],
        ['Address of the cache', 'http://'],
        ['State', 'planned'],
      ],
    ),
    '## Verdict',
    ...verdictParts(assessment),
    '## Phases',
    ...steps.flatMap(phaseParts),
    '## Timeline',
    timeline(steps, date),
    '## Hardware profile',
    hardwareTable(machine),
    '## Technical decision log',
    'One decision a row, with its reason. Proposed rows come from the arithmetic for this machine: accept or change them.',
    decisionTable(assessment, { date, decisions }),
    '## Metrics dashboard',
    metricsTable(),
    '### What this machine shows today',
    criteriaTable(machine),
    '## Upgrade plan',
    ...upgradeParts(assessment.upgrade, plan, nextBlackFriday(date)),
    '## Lessons learned',
    table(
      ['Date', 'What happened', 'What we expected', 'What we learned', 'What we changed'],
      [[], [], []],
    ),
    list([
      'Which change helped most, and how do we know?',
      'Which did nothing, and was it reverted?',
      'What failed, and how long did it take to see it?',
      'What would we do first on the next machine?',
    ]),
  ])
}

function verdictParts({ verdict, bottlenecks }: Assessment): string[] {
  const { question, answer, because } = verdict
  const extra =
    verdict.answer === 'no'
      ? [
          'What will work instead:',
          list(
            verdict.instead.map(
              ({ kind, text, cost }) => `${kind}: ${text}${cost ? ` (${cost})` : ''}`,
            ),
          ),
        ]
      : verdict.answer === 'yes, if'
        ? ['Conditions:', checklist(verdict.conditions.map((text) => ({ text })))]
        : []
  return [
    `**${question}** ${answer}.`,
    list(because.map(({ text, formula }) => (formula ? `${text} (${formula})` : text))),
    ...extra,
    ...(bottlenecks.length === 0
      ? ['Bottlenecks: none found.']
      : [
          'Bottlenecks, worst first:',
          list(
            bottlenecks.map(({ statement, actions: [first] }) => `${statement.text} ${first.text}`),
          ),
        ]),
  ]
}

function phaseParts({ name, tasks, done }: Phase, at: number): string[] {
  return [`### Phase ${at + 1}: ${name}`, checklist(tasks), `Done when: ${done}`]
}

/** Phases one after another, then the reviews. */
function timeline(steps: readonly Phase[], date: string): string {
  let from = date
  const rows = steps.map(({ name, days, done }, at) => {
    const to = daysAfter(from, days - 1)
    const row = [`${at + 1}. ${name}`, from, to, done, '']
    from = daysAfter(to, 1)
    return row
  })
  const reviews = [
    [
      'Review',
      daysAfter(from, 30),
      '',
      `Metrics of a month; ${code('narwhal plan --budget 100')}`,
      '',
    ],
    [
      'Black Friday',
      nextBlackFriday(date),
      '',
      'Buy what the upgrade plan asks for, if it still does',
      '',
    ],
  ]
  return table(['What', 'From', 'To', 'Done when', 'State'], [...rows, ...reviews])
}
