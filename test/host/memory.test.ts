import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { readMemory } from '../../src/host/memory.ts'
import { GiB, MiB } from '../../src/units.ts'
import { memoryLimit } from '../support/limits.ts'
import { mustRun } from '../support/program-run.ts'
import { systemWith } from './fixture-tree.ts'

const machine = {
  'proc/meminfo': `MemTotal:        4194304 kB
MemFree:          102400 kB
MemAvailable:    2097152 kB
SwapTotal:             0 kB
`,
}
const unlimited = '9223372036854771712\n'

test("reads the machine's memory where no control group limits it", async () => {
  const whole = { totalBytes: 4 * GiB, availableBytes: 2 * GiB }
  expect(readMemory(await systemWith(machine))).toEqual(whole)
  const inRootGroup = { ...machine, 'proc/self/cgroup': '0::/\n' }
  expect(readMemory(await systemWith(inRootGroup))).toEqual(whole)
  const unlimitedGroup = {
    ...machine,
    'proc/self/cgroup': '0::/app\n',
    'sys/fs/cgroup/app/memory.max': 'max\n',
    'sys/fs/cgroup/app/memory.high': 'max\n',
    'sys/fs/cgroup/app/memory.current': '104857600\n',
  }
  expect(readMemory(await systemWith(unlimitedGroup))).toEqual(whole)
})

const limited = {
  ...machine,
  'proc/self/cgroup': '0::/system.slice/narwhal.service\n',
  'sys/fs/cgroup/system.slice/narwhal.service/memory.max': `${GiB}\n`,
  'sys/fs/cgroup/system.slice/narwhal.service/memory.current': `${800 * MiB}\n`,
  'sys/fs/cgroup/system.slice/narwhal.service/memory.stat': `anon 1
inactive_file ${300 * MiB}
active_file ${100 * MiB}
slab_reclaimable ${50 * MiB}
`,
}

test('takes the limit of a group of version 2, and counts page cache as available', async () => {
  expect(readMemory(await systemWith(limited))).toEqual({
    totalBytes: GiB,
    availableBytes: (1024 - 800 + 450) * MiB,
  })
})

test('takes the smallest of what the groups around it and the machine allow', async () => {
  const slice = {
    ...limited,
    'sys/fs/cgroup/system.slice/memory.max': 'max\n',
    'sys/fs/cgroup/system.slice/memory.high': `${512 * MiB}\n`,
    'sys/fs/cgroup/system.slice/memory.current': `${500 * MiB}\n`,
  }
  const expected = { totalBytes: 512 * MiB, availableBytes: 12 * MiB }
  expect(readMemory(await systemWith(slice))).toEqual(expected)
  const short = { ...limited, 'proc/meminfo': 'MemTotal: 2097152 kB\nMemAvailable: 1024 kB\n' }
  expect(readMemory(await systemWith(short))).toEqual({ totalBytes: GiB, availableBytes: MiB })
})

test('reads groups of version 1, beside which a version 2 without controllers may stand', async () => {
  const group = 'sys/fs/cgroup/memory/docker/abc'
  const files = {
    ...machine,
    'proc/self/cgroup': '5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/docker/abc\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': unlimited,
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '1000000\n',
    [`${group}/memory.limit_in_bytes`]: `${512 * MiB}\n`,
    [`${group}/memory.usage_in_bytes`]: `${400 * MiB}\n`,
    [`${group}/memory.stat`]: `inactive_file 1
total_inactive_file ${200 * MiB}
total_active_file ${100 * MiB}
`,
  }
  expect(readMemory(await systemWith(files))).toEqual({
    totalBytes: 512 * MiB,
    availableBytes: 412 * MiB,
  })
})

test("reads a container's own root where /proc names its group as the host does", async () => {
  const files = {
    ...machine,
    'proc/self/cgroup': '0::/../../kubepods/pod1\n',
    'sys/fs/cgroup/memory.max': `${GiB}\n`,
    'sys/fs/cgroup/memory.current': `${GiB - 5 * MiB}\n`,
  }
  expect(readMemory(await systemWith(files))).toEqual({
    totalBytes: GiB,
    availableBytes: 5 * MiB,
  })
})

test('says nothing where nothing can be read, or makes no sense', async () => {
  const nothing = { totalBytes: undefined, availableBytes: undefined }
  expect(readMemory(await systemWith({}))).toEqual(nothing)
  const odd = {
    'proc/meminfo': 'MemTotal: a lot\nMemAvailable:\n',
    'proc/self/cgroup': 'nonsense\n0::/app\n',
    'sys/fs/cgroup/app/memory.max': '-1\n',
    'sys/fs/cgroup/app/memory.current': '\n',
  }
  expect(readMemory(await systemWith(odd))).toEqual(nothing)
  const directoryForFile = await systemWith({ 'proc/meminfo/x': '', 'proc/self/cgroup/x': '' })
  expect(readMemory(directoryForFile)).toEqual(nothing)
  const limitOnly = { 'proc/self/cgroup': '0::/app\n', 'sys/fs/cgroup/app/memory.max': '4096\n' }
  expect(readMemory(await systemWith(limitOnly))).toEqual({ ...nothing, totalBytes: 4096 })
})

test('never has less than nothing available', async () => {
  const files = {
    ...limited,
    'sys/fs/cgroup/system.slice/narwhal.service/memory.current': `${2 * GiB}\n`,
  }
  expect(readMemory(await systemWith(files)).availableBytes).toBe(0)
})

test.runIf(process.platform === 'linux')('reads this machine', () => {
  const { totalBytes, availableBytes } = readMemory()
  expect(totalBytes).toBeGreaterThan(64 * MiB)
  expect(totalBytes).toBeLessThanOrEqual(totalmem())
  expect(availableBytes).toBeGreaterThan(0)
  expect(availableBytes).toBeLessThanOrEqual(totalBytes as number)
})

test('reads the limit of a real control group', async ({ skip }) => {
  const limit = await memoryLimit(300 * MiB)
  if (!limit) skip('may not make control groups here')
  const module = new URL('../../src/host/memory.ts', import.meta.url)
  const script = `import { readMemory } from '${module}'; console.log(JSON.stringify(readMemory()))`
  const [program, ...args] = [
    ...(limit?.wrapper ?? []),
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ]
  const reading = JSON.parse(await mustRun(program as string, args, { env: {} }))
  expect(reading.totalBytes).toBe(300 * MiB)
  expect(reading.availableBytes).toBeGreaterThan(100 * MiB)
  expect(reading.availableBytes).toBeLessThan(300 * MiB)
})
