import { describe, expect, test } from 'vitest'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import { judgeRole } from '../../src/advice/role-verdict.ts'
import { GiB } from '../../src/units.ts'

function machineWith(gib: number, more: MachineDescription = {}) {
  const cpu = { cores: 4, threads: 4, ...more.cpu }
  return describedMachine({ ...more, cpu, memory: { totalBytes: gib * GiB, ...more.memory } })
}

describe('A2: each role is judged by itself', () => {
  test.each([
    [0.3, 'no', 'no', 'no'],
    [0.399, 'no', 'no', 'no'],
    [0.4, 'yes, if', 'no', 'no'],
    [0.5, 'yes, if', 'no', 'no'],
    [0.875, 'yes', 'yes, if', 'no'],
    [1, 'yes', 'yes, if', 'no'],
    [1.75, 'yes', 'yes', 'no'],
    [2, 'yes', 'yes', 'no'],
    [3.29, 'yes', 'yes', 'no'],
    [3.31, 'yes', 'yes', 'yes, if'],
    [4, 'yes', 'yes', 'yes, if'],
    [8, 'yes', 'yes', 'yes, if'],
    [64, 'yes', 'yes', 'yes'],
  ] as const)('%s GiB: proxy %s, cache %s, builder %s', (gib, proxy, cache, builder) => {
    const machine = machineWith(gib)
    expect(judgeRole(machine, 'proxy').answer).toBe(proxy)
    expect(judgeRole(machine, 'cache').answer).toBe(cache)
    expect(judgeRole(machine, 'builder').answer).toBe(builder)
  })
})

describe('P1: "can this build with 2 GB?"', () => {
  const verdict = judgeRole(machineWith(2), 'builder')
  if (verdict.answer !== 'no') throw new Error('2 GB are no builder')

  test('P1 says no honestly, with the arithmetic', () => {
    expect(verdict.because[0].text).toBe(
      '2.0 GiB are below the 3.3 GiB that one compile process needs beside system and narwhal.',
    )
    expect(verdict.because[0].formula).toBe('1.0 GiB + 307 MiB + 2.0 GiB = 3.3 GiB > 2.0 GiB')
  })

  test('P1 explains why: memory of a build, and of an evaluation', () => {
    const texts = verdict.because.map(({ text }) => text).join('\n')
    expect(texts).toContain('Memory for no compile process')
    expect(texts).toContain('nixos-rebuild --target-host')
  })

  test('P1 gives workarounds, then the path to 8 GB, then proxy only', () => {
    expect(verdict.instead.map(({ kind }) => kind)).toEqual([
      'workaround',
      'workaround',
      'workaround',
      'upgrade',
      'alternative',
    ])
    const [single, zram, limits, upgrade, proxy] = verdict.instead.map(({ text }) => text)
    expect(single).toContain('max-jobs = 1, cores = 1')
    expect(zram).toContain('zram of 100 % of memory')
    expect(limits).toContain('Small packages only')
    expect(upgrade).toContain('To 8 GB of memory: 3 compile processes at a time; 4 GB hold 1')
    expect(proxy).toContain('Proxy only')
  })
})

test('A1: a no never stands without what will work instead', () => {
  for (const gib of [0.2, 0.5, 1, 1.5, 2, 3])
    for (const role of ['proxy', 'cache', 'builder'] as const) {
      const verdict = judgeRole(machineWith(gib), role)
      if (verdict.answer === 'no') expect(verdict.instead.length).toBeGreaterThan(1)
    }
})

test('with too little memory for zram to help, no build is offered at all', () => {
  const verdict = judgeRole(machineWith(1), 'builder')
  if (verdict.answer !== 'no') throw new Error('1 GB is no builder')
  expect(verdict.instead.map(({ kind }) => kind)).toEqual(['upgrade', 'alternative'])
})

test('a builder with 8 GB is told which packages are too large for it', () => {
  const verdict = judgeRole(machineWith(8), 'builder')
  const texts = verdict.because.map(({ text }) => text).join('\n')
  for (const name of ['chromium', 'LLVM', 'webkitgtk']) expect(texts).toContain(name)
  expect(verdict).toMatchObject({ conditions: ['the largest packages come from a cache'] })
})

test('zram is a condition where memory is small, and no longer once it is on', () => {
  const without = judgeRole(machineWith(4), 'builder')
  expect(without).toMatchObject({ conditions: expect.arrayContaining(['zram is on']) })
  const withZram = judgeRole(machineWith(4, { memory: { zramBytes: GiB } }), 'builder')
  expect(JSON.stringify(withZram)).not.toContain('zram is on')
})

describe('conditions that other parts set', () => {
  const GB = 1e9
  const cases: [string, MachineDescription, RegExp][] = [
    ['a failing disk', { disks: [{ isHealthy: false }] }, /failing disk is replaced/],
    [
      'no room',
      { disks: [{ totalBytes: 100 * GB, freeBytes: 8 * GB }] },
      /room is made on the disk: 5\.0 GiB are wanted beside the 4\.7 GiB that always stay free/,
    ],
    ['a disk that is memory', { disks: [{ kind: 'tmpfs' }] }, /data_dir is moved/],
    ['OOM kills', { troubles: { oomKills: 1 } }, /what takes the memory/],
    ['waiting for memory', { troubles: { memoryPressure: 0.1 } }, /what takes the memory/],
    ['a busy disk', { troubles: { diskUtilization: 0.9 } }, /at work 90 % of the time/],
  ]

  test.each(cases)('%s makes a yes a "yes, if"', (_, description, condition) => {
    const verdict = judgeRole(machineWith(4, description), 'proxy')
    if (verdict.answer !== 'yes, if') throw new Error(verdict.answer)
    expect(verdict.conditions.join('\n')).toMatch(condition)
  })

  test('an SD card is no condition for a proxy, but for what exists nowhere else', () => {
    const machine = machineWith(4, { disks: [{ kind: 'sd' }] })
    expect(judgeRole(machine, 'proxy').answer).toBe('yes')
    expect(judgeRole(machine, 'cache')).toMatchObject({
      answer: 'yes, if',
      conditions: [expect.stringContaining('copied elsewhere')],
    })
  })

  test('own builds need more room than what can be fetched again', () => {
    const machine = machineWith(4, { disks: [{ totalBytes: 100 * GB, freeBytes: 16 * GB }] })
    expect(judgeRole(machine, 'proxy').answer).toBe('yes')
    expect(judgeRole(machine, 'cache').answer).toBe('yes, if')
  })

  test('a disk of which nothing is known sets no condition', () => {
    expect(judgeRole(machineWith(4, { disks: [{}] }), 'cache').answer).toBe('yes')
    expect(judgeRole(machineWith(4), 'cache').answer).toBe('yes')
  })
})
