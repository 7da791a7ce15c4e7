import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

const machine = ['--ram', '4G', '--cores', '2', '--disk', 'hdd:500G', '--link', 'wifi:300M']

test('R4: writes a page for a machine given by hand, on the day given', async () => {
  const args = ['project-template', ...machine, '--date', '2026-11-23', '--title', 'Attic cache']
  const { code, stdout, stderr } = await runCommand(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^# Attic cache\n\n\| Fact \| Value \|\n/)
  expect(stdout).toContain('| Begins | 2026-11-23 |')
  expect(stdout).toContain('| Memory | 4.0 GiB |')
  expect(stdout).toMatch(/\| Link \S+ \| WiFi, 300 Mbit\/s/)
  expect(stdout).toMatch(/^Prices noted \d{4}-\d\d-\d\d, /m)
  expect(stdout).not.toContain('\u001b')
})

test('without flags it is about this machine, and begins today', async () => {
  const { code, stdout } = await runCommand(['project-template'], {
    env: { XDG_STATE_HOME: await tempDir('state') },
  })
  expect(code).toBe(0)
  expect(stdout).toContain('| Machine | this machine |')
  const day = /^\| Begins \| (.+) \|$/m.exec(stdout)?.[1] ?? ''
  expect(Math.abs(Date.parse(day) - Date.now())).toBeLessThan(2 * 86_400_000)
  if (process.platform === 'linux') expect(stdout).toMatch(/^\| Memory \| \d.* GiB/m)
})

test('the decision log has what the journal of experiments says', async () => {
  const state = await tempDir('state')
  const file = join(state, 'narwhal', 'experiments.jsonl')
  const figure = (median: number) => ({
    ...{ key: 'build', title: 'build', unit: 's', better: 'lower', rounds: 5 },
    ...{ median, min: median - 0.1, max: median + 0.1 },
  })
  const head = { id: 1, name: 'fewer jobs', change: 'max-jobs 4 → 2', at: '2026-11-20T10:00:00Z' }
  const lines = [
    { ...head, kind: 'start', plan: { rounds: 5 }, figures: [figure(20)], notes: [] },
    { ...head, kind: 'measure', isBaseline: false, figures: [figure(12)], notes: [] },
    { ...head, at: '2026-11-21T10:00:00Z', kind: 'keep', because: 'no more swapping' },
    {
      ...head,
      id: 2,
      name: 'zram',
      change: 'zram on',
      kind: 'start',
      plan: { rounds: 5 },
      figures: [],
      notes: [],
    },
  ]
  await mkdir(join(state, 'narwhal'))
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const decided =
    /^\| D-\d{3} \| 2026-11-21 \| fewer jobs \| max-jobs 4 → 2: kept \| no more swapping; .*20.*12.* \| decided \|$/m
  const open =
    /^\| D-\d{3} \| 2026-11-20 \| zram \| zram on: not decided \| not measured after the change \| open \|$/m
  const own = await runCommand(['project-template'], { env: { XDG_STATE_HOME: state } })
  expect(own.stdout).toMatch(decided)
  expect(own.stdout).toMatch(open)
  // another machine's log does not come from this one's journal, unless it is named
  const env = { XDG_STATE_HOME: state }
  const other = await runCommand(['project-template', ...machine], { env })
  expect(other.stdout).not.toContain('| fewer jobs |')
  const named = await runCommand(['project-template', ...machine, '--journal', file])
  expect(named.stdout).toMatch(decided)
})

test('-o writes a file, and replaces one only with --force', async () => {
  const file = join(await tempDir('page'), 'project.md')
  const args = ['project-template', ...machine, '-o', file]
  expect(await runCommand(args)).toMatchObject({ code: 0, stdout: '', stderr: `wrote ${file}\n` })
  const page = await readFile(file, 'utf8')
  expect(page).toMatch(/^# NixOS cache server\n/)
  await writeFile(file, 'mine')
  const refused = await runCommand(args)
  expect(refused.code).toBe(3)
  expect(refused.stderr).toContain('is there already')
  expect(await readFile(file, 'utf8')).toBe('mine')
  expect((await runCommand([...args, '--force'])).code).toBe(0)
  expect(await readFile(file, 'utf8')).toBe(page)
})

test('what is no day, amount, role or place is told', async () => {
  for (const args of [
    ['--date', 'tomorrow'],
    ['--date', '2026-02-30'],
    ['--budget', 'much'],
    ['--role', 'king'],
  ])
    expect((await runCommand(['project-template', ...args])).code).toBe(2)
  const nowhere = await runCommand(['project-template', ...machine, '-o', '/nowhere/x.md'])
  expect(nowhere.code).toBe(3)
  expect(nowhere.stderr).toContain('cannot write /nowhere/x.md')
})
