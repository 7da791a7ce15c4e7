import { expect, test } from 'vitest'
import { readCores } from '../../src/host/cores.ts'
import { systemWith } from './fixture-tree.ts'

const inGroup = { 'proc/self/cgroup': '0::/a/b\n' }

test.each([
  ['150000 100000', 1.5],
  ['800000 100000', 4],
  ['max 100000', 4],
  ['', 4],
  ['0 100000', 4],
  ['100000', 4],
  ['100000 0', 4],
])('of 4 cores, cpu.max "%s" leaves %d', async (text, cores) => {
  const roots = await systemWith({ ...inGroup, 'sys/fs/cgroup/a/b/cpu.max': `${text}\n` })
  expect(readCores(4, roots)).toBe(cores)
})

test('takes the smallest share of the groups around it', async () => {
  const roots = await systemWith({
    ...inGroup,
    'sys/fs/cgroup/a/b/cpu.max': '300000 100000\n',
    'sys/fs/cgroup/a/cpu.max': '50000 100000\n',
  })
  expect(readCores(4, roots)).toBe(0.5)
})

test('reads a quota of version 1, and -1 as none', async () => {
  const group = { 'proc/self/cgroup': '5:cpuset:/x\n2:cpu,cpuacct:/x\n' }
  const period = { 'sys/fs/cgroup/cpu/x/cpu.cfs_period_us': '100000\n' }
  const quota = (text: string) => ({ 'sys/fs/cgroup/cpu/x/cpu.cfs_quota_us': text })
  expect(readCores(4, await systemWith({ ...group, ...period, ...quota('200000\n') }))).toBe(2)
  expect(readCores(4, await systemWith({ ...group, ...period, ...quota('-1\n') }))).toBe(4)
  expect(readCores(4, await systemWith({ ...group, ...quota('200000\n') }))).toBe(4)
})

test('reads a version 2 that stands beside version 1', async () => {
  const roots = await systemWith({
    'proc/self/cgroup': '4:memory:/\n0::/a\n',
    'sys/fs/cgroup/unified/a/cpu.max': '250000 100000\n',
  })
  expect(readCores(4, roots)).toBe(2.5)
})

test('knows only the cores it may run on where there are no control groups', async () => {
  expect(readCores(3, await systemWith({}))).toBe(3)
})
