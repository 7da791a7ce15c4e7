import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planBudget } from '../../src/advice/plan/budget-plan.ts'
import { readPrices } from '../../src/advice/plan/read-prices.ts'
import { daysAfter, nextBlackFriday } from '../../src/advice/project/days.ts'
import { cell, code, table } from '../../src/advice/project/markdown.ts'
import { type ProjectFacts, projectTemplate } from '../../src/advice/project-template.ts'
import { roles } from '../../src/advice/roles.ts'
import { machines } from '../support/machines.ts'
import { commandsIn, missingCommands } from '../support/named-commands.ts'

const project = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(project, file), 'utf8')
const names = Object.keys(machines) as (keyof typeof machines)[]

function pageOf(facts: Partial<ProjectFacts> = {}): string {
  return projectTemplate({
    ...{ title: 'Cache', date: '2026-11-23', role: 'proxy', source: 'this machine' },
    ...{ machine: machines['pentium-hdd'], decisions: [], ...facts },
  })
}

/** The part of a page beneath a heading, to the next heading of that level or above. */
function section(page: string, heading: string): string {
  const level = heading.split(' ')[0]?.length ?? 0
  const from = page.indexOf(`\n${heading}\n`)
  expect(from, heading).toBeGreaterThan(-1)
  const rest = page.slice(from + heading.length + 2)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end < 0 ? rest : rest.slice(0, end)
}

/** Cells of each row of the tables in a text, heads and rules left out. */
function rowsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((one) => one.trim()),
    )
    .filter(([first]) => first !== '---')
}

describe('the page', () => {
  test.each(names.flatMap((name) => roles.map((role) => [name, role] as const)))(
    '%s as %s: plain Markdown that imports: whole tables, boxes, headings in order',
    (name, role) => {
      const page = pageOf({ machine: machines[name], role })
      expect(page).toMatch(/^# Cache\n\n\|/)
      expect(page).toMatch(/[^\n]\n$/)
      expect(page).not.toMatch(/\n{3}|[ \t]+\n|undefined|NaN|\[object|<br|<\/?[a-z]+>/)
      let columns: number | undefined
      for (const line of page.split('\n')) {
        if (!line.startsWith('|')) columns = undefined
        else {
          const count = line.split(/(?<!\\)\|/).length
          columns ??= count
          expect(count, line).toBe(columns)
          expect(line).toMatch(/\|$/)
        }
        if (/^\s*- \[/.test(line)) expect(line).toMatch(/^- \[[ x]\] \S/)
      }
      const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, text]) => text)
      expect(headings).toEqual([
        ...['Verdict', 'Phases', 'Timeline', 'Hardware profile', 'Technical decision log'],
        ...['Metrics dashboard', 'Upgrade plan', 'Lessons learned'],
      ])
    },
  )

  test('tables and lists stand apart from what surrounds them', () => {
    const lines = pageOf().split('\n')
    for (const [at, line] of lines.entries()) {
      const before = lines[at - 1] ?? ''
      if (line.startsWith('|') && !before.startsWith('|')) expect(before).toBe('')
      if (line.startsWith('#') && at > 0) expect(before).toBe('')
      if (line.startsWith('- ') && !before.startsWith('- ')) expect(before).toBe('')
    }
  })

  test('the same facts give the same page', () => {
    expect(pageOf()).toBe(pageOf())
  })

  test('a title cannot break out of its line', () => {
    expect(pageOf({ title: ' My\n## cache ' })).toMatch(/^# My ## cache\n\n/)
  })
})

describe('its parts', () => {
  test('the hardware profile is that of the machine, and says what is not known', () => {
    const profile = section(pageOf(), '## Hardware profile')
    expect(profile).toContain(
      '| Processor | Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz, 2 cores, 4 threads, x64 |',
    )
    expect(profile).toContain('| Memory | 3.7 GiB |')
    expect(profile).toMatch(/\| Disk \S+ \| hard disk, /)
    expect(profile).toContain('| Measured: disk read | not measured yet |')
    const pressed = section(
      pageOf({ machine: machines[names.at(-1) as 'pentium-hdd'] }),
      '## Hardware profile',
    )
    expect(pressed).toMatch(/\| OOM kills since boot \| [1-9]\d* \|/)
  })

  test('each phase has tasks and says when it is done; only what is done is ticked', () => {
    const page = pageOf()
    const parts = page.match(/^### Phase \d: .+$/gm) ?? []
    expect(parts).toHaveLength(6)
    for (const heading of parts) {
      const text = section(page, heading)
      expect(text.match(/^- \[[ x]\] /gm)?.length).toBeGreaterThan(4)
      expect(text).toMatch(/^Done when: .+\.$/m)
    }
    expect(page.match(/^- \[x\] .+$/gm)).toEqual(['- [x] Hardware read (the profile below)'])
  })

  test('who keeps own builds makes a key; a proxy needs none', () => {
    expect(pageOf({ role: 'builder' })).toContain('narwhal keygen')
    expect(pageOf({ role: 'proxy' })).not.toContain('narwhal keygen')
  })

  test('the timeline follows the date, phase after phase without gaps', () => {
    const rows = rowsOf(section(pageOf(), '## Timeline')).slice(1)
    expect(rows[0]?.slice(0, 3)).toEqual(['1. Assessment', '2026-11-23', '2026-11-23'])
    const phases = rows.filter(([what = '']) => /^\d\. /.test(what))
    expect(phases).toHaveLength(6)
    for (const [at, [, from = '', to = '']] of phases.entries()) {
      expect(from <= to).toBe(true)
      const next = phases[at + 1]?.[1]
      if (next !== undefined) expect(next).toBe(daysAfter(to, 1))
    }
    expect(rows.at(-1)?.slice(0, 2)).toEqual(['Black Friday', '2026-11-27'])
  })

  test('decisions: what the arithmetic proposes, what the journal says, and room for more', () => {
    const decision = {
      day: '2026-12-01',
      what: 'max-jobs 4 | 2',
      decision: 'keep',
      why: '12 % faster',
      status: 'decided',
    } as const
    const rows = rowsOf(
      section(pageOf({ role: 'builder', decisions: [decision] }), '## Technical decision log'),
    )
    expect(rows[0]).toEqual(['No.', 'Date', 'About', 'Decision', 'Because', 'Status'])
    expect(rows[1]?.slice(0, 4)).toEqual(['D-001', '2026-11-23', 'Role of this machine', 'builder'])
    expect(rows.find(([, , about]) => about === 'max-jobs')?.[3]).toBe('`max-jobs = 1`')
    expect(rows.find((row) => row[5] === 'decided')?.slice(1)).toEqual([
      ...['2026-12-01', 'max-jobs 4 \\| 2', 'keep', '12 % faster', 'decided'],
    ])
    expect(rows.slice(-3).every((row) => row.slice(1).every((one) => one === ''))).toBe(true)
    expect(rows.slice(1).map(([number]) => number)).toEqual(
      rows.slice(1).map((_row, at) => `D-${String(at + 1).padStart(3, '0')}`),
    )
  })

  test('K1 to K6 each with a target, and where its figure comes from', () => {
    const rows = rowsOf(section(pageOf(), '## Metrics dashboard')).slice(1)
    for (const id of ['K1', 'K2', 'K3', 'K4', 'K5', 'K6'])
      expect(
        rows.some(([first]) => first === id),
        id,
      ).toBe(true)
    const targets = Object.fromEntries(rows.map(([, what, target]) => [what, target]))
    expect(targets).toMatchObject({
      'Hit latency, 99 of 100': '< 100 ms',
      'Throughput on gigabit': '> 800 Mbit/s',
      'Build time against no cache': '20 to 50 % less',
      Uptime: '> 99 %',
      'OOM kills': '0',
    })
  })

  test('a no comes with what will work instead, a condition with its box', () => {
    const no = section(
      pageOf({ machine: machines['vps-2gb' as 'pentium-hdd'], role: 'builder' }),
      '## Verdict',
    )
    expect(no).toMatch(/\*\* no\.\n/)
    expect(no).toMatch(/What will work instead:\n\n- /)
    expect(section(pageOf({ role: 'builder' }), '## Verdict')).toMatch(/Conditions:\n\n- \[ \] /)
  })

  test('the upgrade plan has prices with their date, and what asks for an upgrade', () => {
    const reading = readPrices(read('config/prices.toml'), 'config/prices.toml')
    if (!reading.ok) throw new Error('no prices')
    const question = {
      machine: machines['pentium-hdd'],
      role: 'builder',
      today: '2026-11-23',
    } as const
    const plan = planBudget({ ...question, prices: reading.table, budgetCents: 10_000 })
    const text = section(pageOf({ role: 'builder', plan }), '## Upgrade plan')
    expect(text).toContain(`Prices noted ${reading.table.asOf}, `)
    const bought = plan.best?.upgrades.map(({ title }) => title).join(' and ')
    expect(rowsOf(text)[1]?.[0]).toBe(bought)
    expect(rowsOf(text)[1]?.[3]).toBe('2026-11-27')
    expect(text).toMatch(/- OOM kills: memory\./)
    expect(text).toMatch(/- None of these: spend nothing\./)
    expect(section(pageOf(), '## Upgrade plan')).not.toContain('Prices ')
  })

  test('every command, metric and file it names exists', { timeout: 180_000 }, async () => {
    const pages = roles.map((role) => pageOf({ role }))
    const commands = pages.flatMap(commandsIn)
    expect(commands.length).toBeGreaterThan(30)
    expect(await missingCommands(commands)).toEqual([])
    const metrics = read('docs/metrics.md')
    for (const page of pages) {
      for (const [name] of page.matchAll(/\bnarwhal_[a-z_]+/g))
        expect(metrics).toContain(`\`${name.replace(/_bucket$/, '')}\``)
      for (const [file] of page.matchAll(/\bconfig\/[\w-]+\.\w+/g)) expect(read(file)).not.toBe('')
    }
  })
})

describe('days', () => {
  test('days after a day, over months, years and leap days', () => {
    expect(daysAfter('2026-12-31', 1)).toBe('2027-01-01')
    expect(daysAfter('2028-02-28', 1)).toBe('2028-02-29')
    expect(daysAfter('2026-11-23', 0)).toBe('2026-11-23')
  })

  test('Black Friday is the day after the fourth Thursday of November', () => {
    const known = {
      ...{ '2024-01-01': '2024-11-29', '2025-11-28': '2025-11-28', '2025-11-29': '2026-11-27' },
      ...{ '2026-11-23': '2026-11-27', '2027-12-31': '2028-11-24', '2029-11-01': '2029-11-23' },
    }
    for (const [day, friday] of Object.entries(known)) expect(nextBlackFriday(day)).toBe(friday)
  })
})

describe('Markdown', () => {
  test('bars and line breaks do not end a cell, backticks no code', () => {
    expect(cell(' a | b\n  c ')).toBe('a \\| b c')
    expect(code('a `b`')).toBe("`a 'b'`")
    expect(table(['A', 'B'], [['x|y'], []])).toBe('| A | B |\n| --- | --- |\n| x\\|y |  |\n|  |  |')
  })
})
