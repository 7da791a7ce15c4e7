import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assumptions } from '../../src/advice/plan/workload.ts'
import { machines } from '../support/machines.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

const specs = ['--ram', '4G', '--cores', '2', '--disk', 'hdd:500G', '--link', '1G']
const ownPrices = join(import.meta.dirname, '../../config/prices.toml')
const onDay = ['--today', '2026-11-23']

async function fileWith(name: string, text: string): Promise<string> {
  const file = join(await tempDir('plan'), name)
  await writeFile(file, text)
  return file
}

test('P4: --budget 100 for a machine by hand: what to buy, in order, and the age of the prices', async () => {
  const { code, stdout, stderr } = await runCommand(['plan', '--budget', '100', ...specs, ...onDay])
  expect(code).toBe(0)
  expect(stderr).toBe('machine: given by hand\n')
  expect(stdout).toContain('Is 100 USD well spent on this machine? YES, IF')
  expect(stdout).toMatch(/Buy, in this order: \d+ USD/)
  expect(stdout).toContain('240 GB SATA SSD: 35 USD')
  expect(stdout).toContain('12 MB/s → 118 MB/s')
  expect(stdout).toContain('narwhal generate-config --auto')
  expect(stdout).toMatch(/Prices were noted 2026-02-15, 281 days ago/)
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(88)
})

test('of two parts that bound each other it is said that neither helps alone', async () => {
  const both = ['--ram', '2G', '--cores', '2', '--disk', 'hdd:200G', '--link', '100M']
  const { stdout } = await runCommand(['plan', '--budget', '60', '--role', 'proxy', ...both])
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('of use only with the rest')
})

test('P5: --developers 10 for an office server is a no with alternatives: exit code 1', async () => {
  const file = await fileWith('office.json', JSON.stringify(machines['office-server']))
  const { code, stdout } = await runCommand(['plan', '--developers', '10', '--machine', file])
  expect(code).toBe(1)
  expect(stdout).toContain('Can this machine run the CI of 10 developers? NO')
  expect(stdout).toContain("Here's what will work:")
  expect(stdout).toContain('5 of 10 developers')
  for (const { flag } of assumptions) expect(stdout).toContain(`${flag} `)
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
})

test('every assumption can be changed by its flag', async () => {
  const values: Readonly<Record<string, string>> = {
    '': '3',
    minutes: '5.5',
    hours: '10',
    days: '20',
    share: '30%',
    bytes: '3GiB',
  }
  const flags = assumptions.flatMap(({ flag, unit }) => [flag, values[unit] ?? ''])
  const { stdout } = await runCommand(['plan', ...flags, ...specs, '--json'])
  const told = JSON.parse(stdout).assumptions as { flag: string; value: number; isGiven: boolean }[]
  expect(told.every(({ isGiven }) => isGiven)).toBe(true)
  const byFlag = Object.fromEntries(told.map(({ flag, value }) => [flag, value]))
  expect(byFlag).toMatchObject({
    '--developers': 3,
    '--build-minutes': 5.5,
    '--hours': 10,
    '--peak-share': 0.3,
    '--growth': 3 * 2 ** 30,
    '--keep-days': 20,
  })
})

test('--json has a stable shape for both questions', async () => {
  const budget = await runCommand(['plan', '--budget', '100', ...specs, '--json'])
  expect(Object.keys(JSON.parse(budget.stdout))).toEqual([
    'machine',
    'kind',
    'role',
    'budgetCents',
    'currency',
    'prices',
    'verdict',
    'needs',
    'returns',
    'best',
    'next',
    'free',
    'notAdvised',
  ])
  const capacity = await runCommand(['plan', '--developers', '2', ...specs, '--json'])
  expect(Object.keys(JSON.parse(capacity.stdout))).toEqual([
    'machine',
    'kind',
    'workload',
    'assumptions',
    'demand',
    'gap',
    'verdict',
    'fits',
    'currency',
    'prices',
  ])
})

test('a budget in another currency is reckoned at the rate of the table', async () => {
  const args = ['plan', '--budget', '50', '--currency', 'eur', ...specs]
  const { stdout } = await runCommand(args)
  expect(stdout).toContain('Is 50 EUR well spent')
  expect(stdout).toContain('240 GB SATA SSD: 31 EUR')
  const unknown = await runCommand([...args.slice(0, 3), '--currency', 'XYZ', ...specs])
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain('USD, EUR, GBP, CHF')
})

test('a price table of one’s own counts, and its mistakes are all named with their lines', async () => {
  const own = (await readFile(ownPrices, 'utf8')).replaceAll('price = 35', 'price = 20')
  const dear = await fileWith('my.toml', own)
  const { stdout } = await runCommand(['plan', '--budget', '25', '--prices', dear, ...specs])
  expect(stdout).toContain('240 GB SATA SSD: 20 USD')
  const broken = await fileWith('bad.toml', 'as_of = 5\n\n[[part]]\nkind = "cabel"\n')
  const { code, stderr } = await runCommand([
    'plan',
    '--budget',
    '25',
    '--prices',
    broken,
    ...specs,
  ])
  expect(code).toBe(3)
  expect(stderr).toMatch(/bad\.toml:1: as_of/)
  expect(stderr).toMatch(/bad\.toml:4: part\[0\]\.kind: .*did you mean "cable"/)
  expect(stderr).toContain('hint: ')
  const absent = await runCommand(['plan', '--budget', '25', '--prices', '/none', ...specs])
  expect(absent).toMatchObject({ code: 3, stdout: '' })
  expect(absent.stderr).toContain('cannot read /none')
})

test.each([
  [[], 'nothing to plan'],
  [['--budget', '5', '--developers', '3'], 'two questions'],
  [['--budget', '-5'], 'Give an amount'],
  [['--budget', '1e9'], 'Give an amount'],
  [['--developers', '0'], 'whole number above 0'],
  [['--developers', '2.5'], 'whole number above 0'],
  [['--developers', '3', '--peak-share', '5%'], 'the busiest has at least 12.5 %'],
  [['--developers', '3', '--peak-share', '110%'], 'Give a share'],
  [['--developers', '3', '--growth', 'much'], 'Give a size'],
  [['--developers', '100000', '--build-minutes', '9999'], 'more than 100000 builds at once'],
  [['--budget', '5', '--build-minutes', '3'], '--build-minutes goes with --developers'],
  [['--budget', '5', '--role', 'king'], 'Allowed choices are proxy, cache, builder'],
  [['--budget', '5', '--today', '2026-02-30'], 'Give a day'],
])('wrong usage %j: exit code 2, and what is wrong', async (args, said) => {
  const { code, stdout, stderr } = await runCommand(['plan', ...args, ...specs])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(said)
})

test('for this machine itself it answers too', async () => {
  const { code, stdout, stderr } = await runCommand(['plan', '--budget', '100'])
  expect([0, 1]).toContain(code)
  expect(stderr).toContain('machine: this machine')
  expect(stdout).toContain('Is 100 USD well spent')
})
