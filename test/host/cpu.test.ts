import { expect, test } from 'vitest'
import { readCpu } from '../../src/host/cpu.ts'
import { hostWith, type Tree } from './host-tree.ts'

const status = (list: string) => ({
  'proc/self/status': `Name:\tnode\nCpus_allowed_list:\t${list}\n`,
})

/** Threads by the core they are on. */
function topology(cores: readonly number[]): Tree {
  return Object.fromEntries(
    cores.flatMap((core, thread) => {
      const directory = `sys/devices/system/cpu/cpu${thread}`
      return [
        [`${directory}/topology/core_id`, `${core}\n`],
        [`${directory}/topology/physical_package_id`, '0\n'],
        [`${directory}/cpufreq/cpuinfo_max_freq`, `${3_700_000 - thread}\n`],
        [`${directory}/thermal_throttle/core_throttle_count`, `${thread * 2}\n`],
        [`${directory}/thermal_throttle/package_throttle_count`, '5\n'],
      ]
    }),
  )
}

const pentium = {
  'proc/cpuinfo': `processor\t: 0
model name\t: Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz
flags\t\t: fpu aes sse4_2 lahf_lm

processor\t: 1
model name\t: Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz
`,
}

test('reads cores and threads, name, frequency, features and how often it was too hot', async () => {
  const roots = await hostWith(pentium, status('0-3'), topology([0, 1, 0, 1]))
  expect(readCpu(roots)).toEqual({
    model: 'Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz',
    cores: 2,
    threads: 4,
    architecture: process.arch,
    maxMegahertz: 3700,
    features: ['aes', 'sse4_2'],
    throttledCount: 6,
  })
})

test('counts only the threads it may run on', async () => {
  const roots = await hostWith(pentium, status('0,2-3'), topology([0, 1, 0, 1]))
  expect(readCpu(roots)).toMatchObject({ cores: 2, threads: 3 })
  const pinned = await hostWith(pentium, status('1'), topology([0, 1, 0, 1]))
  expect(readCpu(pinned)).toMatchObject({ cores: 1, threads: 1 })
})

test.each([
  [
    'version 2',
    {
      'proc/self/cgroup': '0::/box\n',
      'sys/fs/cgroup/box/cpu.max': '150000 100000\n',
    },
  ],
  [
    'version 1',
    {
      'proc/self/cgroup': '3:cpu,cpuacct:/box\n',
      'sys/fs/cgroup/cpu/box/cpu.cfs_quota_us': '150000\n',
      'sys/fs/cgroup/cpu/box/cpu.cfs_period_us': '100000\n',
    },
  ],
])('a control group of %s leaves a share of the cores', async (_version, group) => {
  const roots = await hostWith(pentium, status('0-3'), topology([0, 1, 0, 1]), group)
  expect(readCpu(roots)).toMatchObject({ cores: 1.5, threads: 2 })
})

test('takes the frequency from the name where the kernel tells none', async () => {
  const roots = await hostWith(pentium, status('0-1'))
  expect(readCpu(roots)).toMatchObject({ cores: 2, threads: 2, maxMegahertz: 3700 })
  expect(readCpu(roots).throttledCount).toBe(undefined)
})

test('names ARM cores by their number, the largest first, and the board', async () => {
  const core = (part: string) => `CPU implementer\t: 0x41\nCPU part\t: ${part}\n`
  const roots = await hostWith(status('0-3'), {
    'proc/cpuinfo': `Features\t: fp asimd crc32\n${core('0xd03')}${core('0xd08')}`,
    'sys/firmware/devicetree/base/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
  })
  expect(readCpu(roots)).toMatchObject({
    model: 'Cortex-A72, Raspberry Pi 4 Model B Rev 1.4',
    features: ['asimd', 'crc32'],
  })
})

test.each([
  ['0', 0],
  ['50000', 0],
  ['50005', 0],
  ['60006', 1],
  ['80000', 1],
  ['what', undefined],
])('a Raspberry Pi that tells %s was throttled %s times', async (word, count) => {
  const file = 'sys/devices/platform/soc/soc:firmware/get_throttled'
  expect(readCpu(await hostWith(status('0'), { [file]: `${word}\n` })).throttledCount).toBe(count)
})

test('knows nothing of a machine that tells nothing, but that it has a core', async () => {
  const { cores, threads, ...rest } = readCpu(await hostWith({ 'proc/x': '', 'sys/x': '' }))
  expect(cores).toBeGreaterThan(0)
  expect(threads).toBeGreaterThan(0)
  expect(rest).toEqual({
    architecture: process.arch,
    features: [],
    model: undefined,
    maxMegahertz: undefined,
    throttledCount: undefined,
  })
})
