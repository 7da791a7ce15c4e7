import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { AssessmentReport } from '../../src/cli/assess.ts'
import { machines } from '../support/machines.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

const small = ['--ram', '2G', '--cores', '2', '--disk', 'virtual:40G:free=24G', '--link', '1G']

test('P1: asked about 2 GB it says yes to a proxy, no to builds, and exits with 1', async () => {
  const { code, stdout, stderr } = await runCommand(['assess', ...small])
  expect(code).toBe(1)
  expect(stderr).toBe('')
  expect(stdout).toContain('Can this machine be a proxy in front of other caches? YES\n')
  const [, builder = ''] = stdout.split('Can this machine build? NO')
  const structure = [
    '2.0 GiB are below the 3.3 GiB that one compile process needs',
    'Memory for no compile process',
    "Here's what will work:",
    'workaround: One small build at a time (max-jobs = 1, cores = 1)',
    'workaround: zram of 100 % of memory',
    'workaround: Small packages only',
    'upgrade: To 8 GB of memory',
    'alternative: Proxy only',
  ]
  const places = structure.map((words) => builder.replaceAll(/\n +/g, ' ').indexOf(words))
  expect(places).not.toContain(-1)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

test('D1: one role alone shows the way through the decision, and all settings', async () => {
  const { code, stdout } = await runCommand(['assess', ...small, '--role', 'proxy'])
  expect(code).toBe(0)
  expect(stdout).toContain('Less than 2 GB of memory? no.')
  expect(stdout).toContain('Less than 4 GB of memory? yes.')
  for (const part of ['narwhal.toml', 'nix.conf of this machine', 'NixOS'])
    expect(stdout).toContain(`\n${part}\n`)
  expect(stdout).toContain('  zramSwap.memoryPercent = 100\n')
  expect(stdout).not.toContain('Can this machine build?')
})

test('lines are no wider than 80 columns', async () => {
  for (const role of ['proxy', 'cache', 'builder']) {
    const { stdout } = await runCommand(['assess', ...small, '--role', role])
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80)
  }
})

test('colours are sound, and there are none with NO_COLOR or in a pipe', async () => {
  const coloured = await runCommand(['assess', ...small], { env: { FORCE_COLOR: '1' } })
  const none = await runCommand(['assess', ...small], { env: { NO_COLOR: '1' } })
  expect(none.stdout).not.toContain('\u001b')
  expect(coloured.stdout).not.toContain('?[')
  expect(coloured.stdout).toContain('\u001b[31mNO')
  expect(stripVTControlCharacters(coloured.stdout)).toBe(none.stdout)
})

test('--json has a stable shape, for one role and for all', async () => {
  const { stdout, code } = await runCommand(['assess', ...small, '--json'])
  expect(code).toBe(1)
  const report = JSON.parse(stdout) as AssessmentReport
  expect(report.assessments.map(({ role }) => role)).toEqual(['proxy', 'cache', 'builder'])
  for (const assessment of report.assessments) {
    expect(Object.keys(assessment)).toEqual([
      'role',
      'verdict',
      'band',
      'path',
      'memory',
      'bottlenecks',
      'limits',
      'expectations',
      'settings',
      'upgrade',
    ])
    expect(Object.keys(assessment.settings)).toEqual(['narwhal', 'nix', 'system'])
    for (const { because } of Object.values(assessment.settings).flat())
      for (const part of [because.text, because.source, because.check]) expect(part).toMatch(/\w/)
  }
  expect(report.assessments[2]?.verdict).toMatchObject({ answer: 'no' })
})

test('a machine in a file is judged like this one', async () => {
  const directory = await tempDir()
  const machine = machines['n100-nvme']
  writeFileSync(join(directory, 'box.json'), JSON.stringify({ machine }))
  const args = ['assess', '--role', 'builder', '--machine', 'box.json']
  const { code, stdout } = await runCommand(args, { cwd: directory })
  expect(code).toBe(0)
  expect(stdout).toContain('Machine (box.json): Intel(R) N100')
  expect(stdout).toContain('max-jobs = 2')
})

test('this machine is judged where no other is given', async () => {
  const { code, stdout } = await runCommand(['assess', '--json'])
  expect([0, 1]).toContain(code)
  expect((JSON.parse(stdout) as AssessmentReport).source).toContain('this machine')
})

test('a wrong role or a wrong machine is wrong usage', async () => {
  const role = await runCommand(['assess', '--role', 'mirror'])
  expect(role.code).toBe(2)
  expect(role.stderr).toContain('proxy, cache, builder')
  const ram = await runCommand(['assess', '--ram', 'lots'])
  expect(ram.code).toBe(2)
  expect(ram.stderr).toContain('--ram lots')
  expect(ram.stdout).toBe('')
})
