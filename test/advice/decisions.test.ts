import { describe, expect, test } from 'vitest'
import { bandNames } from '../../src/advice/bands.ts'
import { describedMachine, type MachineDescription } from '../../src/advice/described-machine.ts'
import { sufficient } from '../../src/advice/sufficient.ts'
import { type Place, topology, topologyTexts } from '../../src/advice/topology.ts'
import { upgradeNeed, upgradeTexts } from '../../src/advice/upgrade-need.ts'
import { GiB } from '../../src/units.ts'

const withMemory = (gib: number) => describedMachine({ memory: { totalBytes: gib * GiB } })

describe('D1, is this hardware sufficient?', () => {
  test.each([
    [0.5, 'experimental', ['yes']],
    [1, 'proxy-only', ['no', 'yes']],
    [2, 'single-job', ['no', 'no', 'yes']],
    [4, 'small-builder', ['no', 'no', 'no', 'yes']],
    [8, 'builder', ['no', 'no', 'no', 'no']],
  ] as const)('D1: %s GiB lead to %s', (gib, leaf, answers) => {
    const decision = sufficient(withMemory(gib))
    expect(decision.leaf).toBe(leaf)
    expect(decision.path.map(({ answer }) => answer)).toEqual(answers)
  })

  test('D1 asks from the least to the most, and each fork names its bound', () => {
    const { path } = sufficient(withMemory(16))
    expect(path.map(({ question }) => question)).toEqual([
      'Less than 1 GB of memory?',
      'Less than 2 GB of memory?',
      'Less than 4 GB of memory?',
      'Less than 8 GB of memory?',
    ])
    expect(path[2]?.because.formula).toContain('3.5 GiB')
  })

  test.each([0.875, 1.75, 3.5, 7])('D1 goes on exactly at %s GiB, and ends just below', (gib) => {
    const at = bandNames.indexOf(sufficient(withMemory(gib)).leaf)
    const below = describedMachine({ memory: { totalBytes: gib * GiB - 1 } })
    expect(bandNames.indexOf(sufficient(below).leaf)).toBe(at - 1)
  })
})

describe('D2, which network topology?', () => {
  const place: Place = { isSameLocation: true, canRunCable: true, hosts: 2 }

  test.each([
    ['the same place and a way for a cable', {}, 'direct-cable', ['yes', 'yes', 'yes']],
    ['no way for a cable', { canRunCable: false }, 'switch', ['yes', 'yes', 'no']],
    [
      'nobody has said whether a cable fits',
      { canRunCable: undefined },
      'switch',
      ['yes', 'yes', 'unknown'],
    ],
    ['more machines than a cable has ends', { hosts: 3 }, 'switch', ['yes', 'no']],
    ['another place', { isSameLocation: false }, 'network', ['no']],
    ['nobody has said where', { isSameLocation: undefined }, 'network', ['unknown']],
  ] as const)('D2: %s', (_, change, leaf, answers) => {
    const decision = topology({ ...place, ...change })
    expect(decision.leaf).toBe(leaf)
    expect(decision.path.map(({ answer }) => answer)).toEqual(answers)
    expect(topologyTexts[decision.leaf]).toBeTruthy()
  })
})

describe('D3, when to upgrade?', () => {
  const calm = { oomKills: 0, diskUtilization: 0.1, cpuUtilization: 0.1 }
  const hdd = { disks: [{ kind: 'hdd' as const }] }
  const cases: [string, MachineDescription, keyof typeof upgradeTexts, string[]][] = [
    ['one OOM kill', { troubles: { ...calm, oomKills: 1 } }, 'ram', ['yes']],
    [
      'an OOM kill comes before a busy disk and a busy CPU',
      { troubles: { oomKills: 3, diskUtilization: 1, cpuUtilization: 1 } },
      'ram',
      ['yes'],
    ],
    [
      'a busy hard disk comes before a busy CPU',
      { ...hdd, troubles: { oomKills: 0, diskUtilization: 0.97, cpuUtilization: 1 } },
      'ssd',
      ['no', 'yes', 'no'],
    ],
    [
      'a busy disk of unknown kind',
      { troubles: { ...calm, diskUtilization: 1 } },
      'ssd',
      ['no', 'yes', 'unknown'],
    ],
    [
      'an SSD that is busy is not replaced by an SSD',
      { disks: [{ kind: 'ssd' }], troubles: { ...calm, diskUtilization: 1 } },
      'disk-load',
      ['no', 'yes', 'yes'],
    ],
    [
      'an NVMe SSD that is busy neither',
      { disks: [{ kind: 'nvme' }], troubles: { ...calm, diskUtilization: 1 } },
      'disk-load',
      ['no', 'yes', 'yes'],
    ],
    ['a busy CPU', { troubles: { ...calm, cpuUtilization: 0.95 } }, 'cpu', ['no', 'no', 'yes']],
    ['nothing short', { troubles: calm }, 'none', ['no', 'no', 'no']],
    ['nothing known', {}, 'measure', ['unknown', 'unknown', 'unknown']],
    [
      'one figure unknown',
      { troubles: { ...calm, diskUtilization: undefined } },
      'measure',
      ['no', 'unknown', 'no'],
    ],
    [
      'what is known is enough to say so, whatever else is unknown',
      { troubles: { cpuUtilization: 0.9 } },
      'cpu',
      ['unknown', 'unknown', 'yes'],
    ],
    [
      'just below the bounds',
      { troubles: { oomKills: 0, diskUtilization: 0.899, cpuUtilization: 0.899 } },
      'none',
      ['no', 'no', 'no'],
    ],
  ]

  test.each(cases)('D3: %s', (_, description, leaf, answers) => {
    const decision = upgradeNeed(describedMachine(description))
    expect(decision.leaf).toBe(leaf)
    expect(decision.path.map(({ answer }) => answer)).toEqual(answers)
    expect(upgradeTexts[decision.leaf]).toBeTruthy()
  })
})
