import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../../src/advice/described-machine.ts'
import { diskKinds, type Machine } from '../../../src/advice/machine.ts'
import { type BudgetPlan, planBudget } from '../../../src/advice/plan/budget-plan.ts'
import { freeMeasures } from '../../../src/advice/plan/free-measures.ts'
import { findNeeds } from '../../../src/advice/plan/need.ts'
import { openShop } from '../../../src/advice/plan/shop.ts'
import { upgraded } from '../../../src/advice/plan/upgrade.ts'
import { gainOf } from '../../../src/advice/plan/worth.ts'
import { type Role, roles } from '../../../src/advice/roles.ts'
import { GiB } from '../../../src/units.ts'
import { machines } from '../../support/machines.ts'
import { ownPrices, today } from './own-prices.ts'

const prices = ownPrices()

function plan(
  machine: Machine,
  dollars: number,
  more: Partial<Parameters<typeof planBudget>[0]> = {},
): BudgetPlan {
  const budgetCents = Math.round(dollars * 100)
  return planBudget({ machine, role: 'builder', prices, budgetCents, today, ...more })
}

const bought = ({ best }: BudgetPlan) => best?.upgrades.map(({ title }) => title)
const said = (value: unknown) => JSON.stringify(value)

function machine(given: MachineDescription): Machine {
  return describedMachine(given)
}

const hdd = { kind: 'hdd', totalBytes: 500e9, freeBytes: 300e9 } as const
const ssd = { kind: 'ssd', totalBytes: 500e9, freeBytes: 300e9 } as const
const gigabit = { kind: 'ethernet', bitsPerSecond: 1e9, duplex: 'full' } as const

describe('what is bought for a machine', () => {
  test('P4: 100 USD buy an SSD and memory for a Pentium with 4 GB and a hard disk', () => {
    const found = plan(machines['pentium-hdd'], 100)
    expect(bought(found)).toEqual(['240 GB SATA SSD', 'memory to 8.0 GiB'])
    expect(found.best).toMatchObject({ priceCents: 7700, leftCents: 2300 })
    expect(found.verdict.answer).toBe('yes, if')
    const effects = Object.fromEntries(
      (found.best?.effects ?? []).map(({ what, before, after }) => [what, [before, after]]),
    )
    expect(effects).toMatchObject({ slots: ['1', '3'], delivery: ['12 MB/s', '118 MB/s'] })
  })

  test('what hurts decides the order: memory first where processes are killed', () => {
    const found = plan(machines['under-pressure'], 100)
    expect(found.verdict.answer).toBe('yes')
    expect(found.best?.upgrades[0]?.place).toBe('memory')
    expect(found.needs[0]?.id).toBe('oom-kills')
  })

  test('a cable comes first where WiFi is the bound, and costs what a cable costs', () => {
    const found = plan(machines['old-laptop-wifi'], 5)
    expect(bought(found)).toEqual(['cable instead of WiFi'])
    expect(found.returns[0]?.upgrade.title).toBe('cable instead of WiFi')
  })

  test('no memory where threads are the limit, none where it is soldered, virtual or limited', () => {
    const enough = machine({ cpu: { cores: 2 }, memory: { totalBytes: 7.7 * GiB }, disks: [ssd] })
    for (const one of [
      enough,
      machines['raspberry-pi-4'],
      machines['virtual-machine-4gb'],
      machines['dual-xeon'],
      machine({ memory: { totalBytes: 2 * GiB, isLimited: true } }),
      machine({ memory: { totalBytes: 2 * GiB }, system: { virtualization: 'container' } }),
    ])
      expect(bought(plan(one, 100)) ?? []).not.toContainEqual(expect.stringContaining('memory'))
    expect(said(plan(machines['raspberry-pi-4'], 100).notAdvised)).toContain('soldered')
  })

  test('no SSD where there is one, where the disk is virtual, or where none is known', () => {
    for (const one of [
      machine({ disks: [ssd] }),
      machine({ disks: [{ kind: 'nvme' }] }),
      machine({ disks: [] }),
      machine({ disks: [{}] }),
      machines['vps-2gb'],
    ]) {
      const found = plan(one, 10_000)
      expect(found.returns.filter(({ upgrade }) => upgrade.place === 'disk')).toEqual([])
      expect(said(found.notAdvised)).toContain('SSD: ')
    }
    expect(said(plan(machine({ disks: [{}] }), 100).notAdvised)).toContain('not known')
  })

  test('an SSD holds at least the store and a fifth more', () => {
    const large = machine({ disks: [hdd], system: { storeBytes: 300e9 } })
    const sizes = plan(large, 1000).returns.map(({ upgrade }) => upgrade.title)
    expect(sizes).not.toContain('240 GB SATA SSD')
    expect(sizes).toContain('500 GB SATA SSD')
    const huge = machine({ disks: [hdd], system: { storeBytes: 3000e9 } })
    expect(said(plan(huge, 1000).notAdvised)).toContain('none in the price table is large enough')
  })

  test('a full SSD is replaced by a larger one, a full one of the largest kind by none', () => {
    const full = machine({ disks: [{ ...ssd, totalBytes: 240e9, freeBytes: 5e9 }] })
    expect(bought(plan(full, 60))).toEqual(['500 GB SATA SSD'])
    const nvme = machine({ disks: [{ kind: 'nvme', totalBytes: 240e9, freeBytes: 5e9 }] })
    expect(bought(plan(nvme, 60))).toEqual(['500 GB NVMe SSD, M.2 2280'])
  })

  test('removable and soldered disks get one on USB, with the port to check', () => {
    for (const kind of ['sd', 'emmc', 'usb'] as const) {
      const one = machine({ cpu: { architecture: 'arm64' }, disks: [{ kind }], links: [gigabit] })
      const found = plan(one, 60)
      if (kind === 'emmc') continue
      expect(bought(found), kind).toEqual(['240 GB SSD in a USB 3 case'])
      expect(said(found.best?.upgrades[0]?.cautions)).toContain('lsusb -t')
    }
  })

  test('an eMMC that fills a gigabit stays', () => {
    const one = machine({
      memory: { totalBytes: 8 * GiB },
      disks: [{ kind: 'emmc' }],
      links: [gigabit],
    })
    expect(bought(plan(one, 60))).toBeUndefined()
  })

  test('a slow wire gets a cable and an adapter, the cheaper to be tried first', () => {
    for (const link of [
      { ...gigabit, bitsPerSecond: 100e6 },
      { ...gigabit, duplex: 'half' as const },
    ]) {
      const found = plan(machine({ disks: [ssd], links: [link] }), 25)
      expect(bought(found)).toEqual(['new cable, else USB adapter'])
      expect(said(found.best?.upgrades[0]?.cautions)).toContain('try that first')
    }
  })

  test('WiFi without a port gets an adapter too; a virtual link nothing', () => {
    const wifi = machine({ disks: [ssd], links: [{ kind: 'wifi', bitsPerSecond: 300e6 }] })
    expect(bought(plan(wifi, 19))).toEqual(['cable and USB adapter'])
    const virtual = machine({ disks: [ssd], links: [{ kind: 'virtual', bitsPerSecond: 10e6 }] })
    expect(plan(virtual, 19).returns.some(({ upgrade }) => upgrade.place === 'link')).toBe(false)
  })

  test('two weak parts that hide each other are bought together', () => {
    const both = machine({
      memory: { totalBytes: 64 * GiB },
      disks: [hdd],
      links: [
        { kind: 'wifi', bitsPerSecond: 150e6 },
        { ...gigabit, isUp: false },
      ],
    })
    const found = plan(both, 40, { role: 'proxy' })
    expect(bought(found)?.toSorted()).toEqual(['240 GB SATA SSD', 'cable instead of WiFi'])
    expect(found.returns.map(({ upgrade }) => upgrade.title)).not.toContain('240 GB SATA SSD')
  })

  test('a machine that replaces another is its equal in everything', () => {
    const titles = (given: MachineDescription) =>
      openShop({ machine: machine(given), role: 'builder' }, prices.parts)
        .upgrades.filter(({ place }) => place === 'machine')
        .map(({ title }) => title)
    const [four, six, twelve] = [
      'mini PC, 4 threads, 8 GiB',
      'mini PC, 6 threads, 16 GiB',
      'mini PC, 12 threads, 32 GiB',
    ]
    const any = titles({ cpu: { cores: 2 }, memory: { totalBytes: 2 * GiB }, disks: [hdd] })
    expect(any).toEqual(expect.arrayContaining([four, six, twelve]))
    expect(titles({ cpu: { cores: 5 }, memory: { totalBytes: 2 * GiB } })).not.toContain(four)
    expect(titles({ cpu: { cores: 2 }, memory: { totalBytes: 12 * GiB } })).not.toContain(four)
    expect(
      titles({ cpu: { cores: 2 }, memory: { totalBytes: 2 * GiB }, system: { storeBytes: 240e9 } }),
    ).not.toContain(six)
  })

  test('what another of its place does for less is not listed', () => {
    const titles = plan(machines['pentium-hdd'], 1000).returns.map(({ upgrade }) => upgrade.title)
    expect(titles).toContain('240 GB SATA SSD')
    expect(titles).not.toContain('500 GB SATA SSD')
    expect(titles).not.toContain('memory to 32 GiB')
  })

  test('beyond a gigabit nothing is gained: the clients cannot keep up', () => {
    const fast = { kind: 'ethernet', bitsPerSecond: 10e9, duplex: 'full' } as const
    const [slow, quick] = [
      machine({ disks: [hdd], links: [fast] }),
      machine({ disks: [ssd], links: [fast] }),
    ]
    expect(gainOf(slow, quick, 'proxy')).toBeCloseTo(Math.log2(117.7 / 12.11), 2)
  })

  test('what it is short of is judged for the role', () => {
    const kinds = (one: Machine, role: Role) => findNeeds(one, role).map(({ id }) => id)
    expect(kinds(machines['dual-xeon'], 'builder')).toEqual([])
    expect(kinds(machines['pentium-hdd'], 'builder')).toContain('few-build-slots')
    expect(kinds(machines['pentium-hdd'], 'cache')).not.toContain('few-build-slots')
    expect(kinds(machines['vps-2gb'], 'cache')).toContain('few-build-slots')
    expect(kinds(machines['vps-2gb'], 'proxy')).not.toContain('few-build-slots')
    expect(kinds(machines['raspberry-pi-4'], 'proxy')).toContain('disk-slower-than-link')
  })

  test('fewer jobs are advised where nix.conf allows more than there is room for, and only there', () => {
    const jobs = (nixSettings: Record<string, string>) =>
      said(
        freeMeasures(
          machine({ memory: { totalBytes: 4 * GiB }, cpu: { cores: 4 }, system: { nixSettings } }),
        ),
      )
    expect(jobs({ 'max-jobs': 'auto', cores: '0' })).toContain(
      '4 × 4 = 16 compile processes, and there is room for 1',
    )
    expect(jobs({ 'max-jobs': '2', cores: '2' })).toContain('2 × 2 = 4')
    expect(jobs({ 'max-jobs': '1', cores: '1' })).not.toContain('nix.conf allows')
    expect(jobs({})).not.toContain('nix.conf allows')
  })
})

describe('which modules fit', () => {
  const withModel = (model: string | undefined) =>
    machine({ cpu: { model, cores: 4 }, memory: { totalBytes: 3.7 * GiB }, disks: [ssd] })
  const forms = (found: BudgetPlan) =>
    found.returns
      .filter(({ upgrade }) => upgrade.title === 'memory to 8.0 GiB')
      .flatMap(({ upgrade }) => upgrade.parts.flatMap(({ options }) => options))
      .map((part) => (part.kind === 'memory' ? part.form : ''))

  test.each([
    ['Intel(R) Core(TM) i5-3320M CPU @ 2.60GHz', ['ddr3-sodimm']],
    ['Intel(R) Core(TM) i3-4130 CPU @ 3.40GHz', ['ddr3-dimm', 'ddr3-sodimm']],
    ['Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz', ['ddr4-dimm', 'ddr4-sodimm']],
    ['Intel(R) Core(TM) i5-10400 CPU @ 2.90GHz', ['ddr4-dimm', 'ddr4-sodimm']],
    ['Intel(R) Pentium(R) CPU G3220 @ 3.00GHz', ['ddr3-dimm', 'ddr3-sodimm']],
    ['Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz', ['ddr4-dimm', 'ddr4-sodimm']],
    ['Intel(R) N100', ['ddr4-dimm', 'ddr4-sodimm', 'ddr5-dimm', 'ddr5-sodimm']],
    ['AMD Ryzen 5 5650U with Radeon Graphics', ['ddr4-sodimm']],
    ['AMD Ryzen 7 7700 8-Core Processor', ['ddr5-dimm', 'ddr5-sodimm']],
  ])('%s', (model, expected) => {
    expect(forms(plan(withModel(model), 100))).toEqual(expected)
  })

  test('unknown: all are named, the dearest is reckoned with, and how to see it is said', () => {
    const found = plan(withModel(undefined), 100)
    expect(forms(found)).toHaveLength(6)
    const memory = found.returns.find(({ upgrade }) => upgrade.place === 'memory')?.upgrade
    const dearest = memory?.parts.flatMap(({ options }) => options.map((one) => one.priceCents))
    expect(memory?.priceCents).toBe(Math.max(...(dearest ?? [])))
    expect(said(memory?.cautions)).toContain('dmidecode -t 17')
    expect(said(memory?.cautions)).toContain('dmidecode -t 16')
  })

  test('a form that is given narrows it, and makes it cheaper', () => {
    const given = plan(withModel(undefined), 100, { memoryForm: 'ddr3-dimm' })
    expect(forms(given)).toEqual(['ddr3-dimm'])
  })
})

describe('the answer', () => {
  test('no, with what costs nothing, where there is no money', () => {
    const found = plan(machines['pentium-hdd'], 0)
    expect(found.verdict.answer).toBe('no')
    expect(found.best).toBeUndefined()
    expect(found.next).toBeDefined()
    expect(said(found.verdict)).toContain('the least that does costs')
  })

  test('D3: no where nothing is short, whatever the money: keep it and change settings', () => {
    for (const dollars of [0, 100, 100_000]) {
      const found = plan(machines['n100-nvme'], dollars)
      expect(found.verdict.answer).toBe('no')
      expect(said(found.verdict)).toContain('Nothing of this machine is short')
      expect(said(found.free)).toContain('generate-config')
    }
  })

  test('no for a virtual machine: its host or the next tariff, with prices a month', () => {
    const found = plan(machines['vps-2gb'], 100)
    expect(found.verdict.answer).toBe('no')
    expect(said(found.verdict)).toContain('9 USD a month')
    expect(said(found.verdict)).toContain('lasts 11 months')
  })

  test('yes where it hurts already; yes, if you wait for it, where it is only a bound', () => {
    expect(plan(machines['under-pressure'], 100).verdict.answer).toBe('yes')
    expect(plan(machines['raspberry-pi-4'], 100).verdict.answer).toBe('yes, if')
  })

  test('A1: a no always says what works instead, and every statement how to check it', () => {
    for (const one of Object.values(machines))
      for (const role of roles)
        for (const dollars of [0, 20, 100, 2000]) {
          const { verdict, best } = plan(one, dollars, { role })
          if (verdict.answer === 'no') expect(verdict.instead.length).toBeGreaterThan(0)
          for (const { text, source, check } of [...verdict.because, ...(best?.effects ?? [])])
            expect([text, source, check].every((part) => part.length > 3)).toBe(true)
        }
  })

  test('prices are never told without their age and source', () => {
    const found = plan(machines['pentium-hdd'], 100)
    expect(found.prices.age).toBe('noted 2026-02-15, 281 days ago')
    expect(found.prices.source.length).toBeGreaterThan(5)
  })

  test('each step from the measurement before to the one after is there', () => {
    const steps = plan(machines['pentium-hdd'], 100).best?.migration ?? []
    for (const word of [
      'experiment start',
      'rsync',
      'memtest86+',
      'generate-config',
      'experiment keep',
    ])
      expect(steps.join('\n')).toContain(word)
  })
})

const anyMachine = fc
  .record({
    gib: fc.double({ min: 0.4, max: 70, noNaN: true }),
    cores: fc.integer({ min: 1, max: 64 }),
    disk: fc.option(fc.constantFrom(...diskKinds), { nil: undefined }),
    diskBytes: fc.integer({ min: 8e9, max: 4e12 }),
    free: fc.double({ min: 0, max: 1, noNaN: true }),
    link: fc.constantFrom('ethernet', 'wifi', 'virtual', undefined),
    bits: fc.option(fc.constantFrom(10e6, 100e6, 300e6, 1e9, 2.5e9, 10e9), { nil: undefined }),
    duplex: fc.constantFrom('full', 'half', undefined),
    arm: fc.boolean(),
    virtualization: fc.constantFrom('vm', 'container', 'none', undefined),
    oomKills: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    share: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  })
  .map((one) =>
    machine({
      cpu: { cores: one.cores, architecture: one.arm ? 'arm64' : 'x64' },
      memory: { totalBytes: Math.round(one.gib * GiB) },
      disks: [
        {
          kind: one.disk,
          totalBytes: one.diskBytes,
          freeBytes: Math.floor(one.diskBytes * one.free),
        },
      ],
      links: [{ kind: one.link, bitsPerSecond: one.bits, duplex: one.duplex }],
      system: { virtualization: one.virtualization },
      troubles: {
        oomKills: one.oomKills,
        memoryPressure: one.share,
        diskUtilization: one.share,
        cpuUtilization: one.share,
      },
    }),
  )
const anyRole = fc.constantFrom(...roles)
const money = fc.double({ min: 0, max: 3000, noNaN: true })

describe('for any machine', () => {
  test('more money never buys a worse plan, and none costs more than there is', () => {
    fc.assert(
      fc.property(anyMachine, anyRole, money, money, (one, role, some, more) => {
        const less = plan(one, some, { role })
        const rich = plan(one, some + more, { role })
        expect(rich.best?.gain ?? 0).toBeGreaterThanOrEqual((less.best?.gain ?? 0) - 1e-9)
        expect(less.best?.priceCents ?? 0).toBeLessThanOrEqual(less.budgetCents)
        expect(less.best?.leftCents ?? 0).toBeGreaterThanOrEqual(0)
        if (less.next) expect(less.next.priceCents).toBeGreaterThan(less.budgetCents)
      }),
      { numRuns: 300 },
    )
  })

  test('the plan is exact: no affordable set of parts gains noticeably more', () => {
    fc.assert(
      fc.property(anyMachine, anyRole, money, (one, role, some) => {
        const found = plan(one, some, { role })
        const { upgrades } = openShop({ machine: one, role }, prices.parts)
        const smaller = upgrades.filter(({ place }) => place !== 'machine')
        const sets = [
          ...upgrades.map((upgrade) => [upgrade]),
          ...smaller.flatMap((a) => smaller.map((b) => [a, b])),
        ].filter((set) => new Set(set.map(({ place }) => place)).size === set.length)
        for (const set of sets) {
          const price = set.reduce((sum, { priceCents }) => sum + priceCents, 0)
          if (price > found.budgetCents) continue
          // A part that adds less than a quarter is left out on purpose.
          const gain = gainOf(one, upgraded(one, set), role) - set.length * Math.log2(1.25)
          expect(found.best?.gain ?? 0).toBeGreaterThanOrEqual(gain - 1e-9)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('the same question gets the same answer, and it can be written as JSON', () => {
    fc.assert(
      fc.property(anyMachine, anyRole, money, (one, role, some) => {
        const text = said(plan(one, some, { role }))
        expect(said(plan(one, some, { role }))).toBe(text)
        expect(text).not.toMatch(/NaN|Infinity|undefined|null/)
      }),
      { numRuns: 100 },
    )
  })

  test('every part bought does something the others do not', () => {
    fc.assert(
      fc.property(anyMachine, anyRole, money, (one, role, some) => {
        const { best } = plan(one, some, { role })
        if (best) expect(best.effects.length).toBeGreaterThan(0)
        expect(new Set(best?.upgrades.map(({ place }) => place)).size).toBe(
          best?.upgrades.length ?? 0,
        )
      }),
      { numRuns: 200 },
    )
  })
})
