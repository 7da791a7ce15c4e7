import { describe, expect, test } from 'vitest'
import { describedMachine } from '../../../src/advice/described-machine.ts'
import { adviseLink } from '../../../src/advice/link/advise-link.ts'
import { linkArithmetic, ways } from '../../../src/advice/link/link-facts.ts'
import type { Link, Machine } from '../../../src/advice/machine.ts'
import type { Verdict } from '../../../src/advice/verdict.ts'
import { machines } from '../../support/machines.ts'

const lan: Partial<Link> = {
  name: 'eth0',
  kind: 'ethernet',
  bitsPerSecond: 1e9,
  hasDefaultRoute: true,
  addresses: ['192.168.1.2/24'],
}
const wlan: Partial<Link> = { ...lan, name: 'wlan0', kind: 'wifi', bitsPerSecond: 300e6 }
const port: Partial<Link> = { name: 'enp3s0', kind: 'ethernet', hasDefaultRoute: false }

function advised(
  links: readonly Partial<Link>[],
  more: Partial<Parameters<typeof adviseLink>[0]> = {},
) {
  const machine = describedMachine({ links })
  return adviseLink({ machine, hosts: 2, isSameLocation: true, ...more })
}

function conditions(verdict: Verdict): string {
  return verdict.answer === 'yes, if' ? verdict.conditions.join('\n') : ''
}

test('the three ways have the latencies people see, and a cable costs about $5', () => {
  expect(ways.map(({ way, latencyMs }) => [way, ...latencyMs])).toEqual([
    ['wifi', 2, 10],
    ['switch', 1, 3],
    ['cable', 0.1, 0.5],
  ])
  expect(ways[2]?.cost).toContain('about $5')
})

test('the arithmetic: 941.5 Mbit/s, 5 % by jumbo frames, 62.5 kB on the way', () => {
  const text = linkArithmetic.map(({ text, formula }) => `${text} ${formula}`).join('\n')
  expect(((1e9 * 1448) / 1538 / 1e6).toFixed(1)).toBe('941.5')
  expect(((1e9 * 8948) / 9038 / 8e6).toFixed(1)).toBe('123.8')
  expect((1e9 * 0.0005) / 8).toBe(62_500)
  expect((1538 * 8) / 1e9).toBeCloseTo(12.3e-6, 7)
  for (const figure of ['941.5', '117.7', '123.8', '62.5 kB', '12.3 µs', '5 %'])
    expect(text).toContain(figure)
})

describe('the verdict for this machine', () => {
  test('WiFi and a free port: yes, with the command that names the port', () => {
    const { verdict, topology } = advised([wlan, port])
    expect(verdict.answer).toBe('yes, if')
    expect(conditions(verdict)).toContain('--server --interface enp3s0')
    expect(verdict.because[0].text).toContain('6.3 times the bandwidth')
    expect(verdict.because[0].formula).toBe('1 GiB: 57 s now, 9.1 s over the cable')
    expect(topology.leaf).toBe('direct-cable')
  })

  test('WiFi and no port: an adapter first', () => {
    const { verdict, topology } = advised([wlan])
    expect(conditions(verdict)).toContain('USB 3')
    expect(topology.leaf).toBe('switch')
  })

  test('WiFi that does not tell its rate gets no made-up gain', () => {
    const { verdict } = advised([{ ...wlan, bitsPerSecond: undefined }, port])
    expect(verdict.because[0].formula).toBeUndefined()
    expect(verdict.because[0].text).not.toContain('times')
  })

  test('100 Mbit/s is slow, a gigabit is not: then no, and what else', () => {
    expect(advised([{ ...lan, bitsPerSecond: 1e8 }, port]).verdict.answer).toBe('yes, if')
    const { verdict } = advised([lan])
    expect(verdict).toMatchObject({ answer: 'no', instead: [{ kind: 'alternative' }] })
    const spare = advised([lan, port]).verdict
    expect(spare.answer === 'no' && spare.instead[0].text).toContain('--interface enp3s0')
  })

  test('a rate that is not told decides nothing', () => {
    const { verdict } = advised([{ ...lan, bitsPerSecond: undefined }])
    expect(conditions(verdict)).toContain('ethtool eth0')
  })

  test('no links known: a condition, not a guess', () => {
    const { verdict, topology } = advised([])
    expect(conditions(verdict)).toContain('free gigabit port')
    expect(topology.path.at(-1)?.answer).toBe('unknown')
  })

  test('out of reach, or more than two machines: no', () => {
    const far = advised([wlan, port], { isSameLocation: false })
    expect(far.verdict.answer).toBe('no')
    expect(far.topology.leaf).toBe('network')
    const many = advised([wlan, port], { hosts: 4 })
    expect(many.verdict.answer === 'no' && many.verdict.instead[0].text).toContain('--hosts 4')
    expect(many.topology.leaf).toBe('switch')
  })

  test.each(['vm', 'container'] as const)('a %s has no port', (virtualization) => {
    const machine = describedMachine({ links: [wlan, port], system: { virtualization } })
    expect(adviseLink({ machine, hosts: 2, isSameLocation: true }).verdict.answer).toBe('no')
  })
})

test('a disk slower than the cable is named, with its figure; what was measured is said', () => {
  const texts = (machine: Machine) =>
    adviseLink({ machine, hosts: 2, isSameLocation: true })
      .statements.map(({ text }) => text)
      .join('\n')
  expect(texts(machines['raspberry-pi-4'])).toContain('44 MB/s of 118 MB/s')
  expect(texts(machines['old-laptop-wifi'])).not.toContain('cannot fill')
  const measured = { linkLatencyMs: 3.25, linkBytesPerSecond: 20e6 }
  const text = texts({ ...machines['old-laptop-wifi'], measured })
  expect(text).toContain('3.25 ms there and back')
  expect(text).toContain('It carried 20 MB/s')
})

test.each(Object.entries(machines))(
  '%s: every statement has a source and a check',
  (_, machine) => {
    const { verdict, statements } = adviseLink({ machine, hosts: 2, isSameLocation: true })
    for (const { text, source, check } of [...statements, ...verdict.because]) {
      expect(text).toMatch(/^[A-Z0-9a-z].{20,}\.$/)
      expect(source).not.toBe('')
      expect(check).not.toBe('')
    }
  },
)

test('the old laptop on WiFi is told to plug its free port in', () => {
  const machine = machines['old-laptop-wifi']
  const { verdict } = adviseLink({ machine, hosts: 2, isSameLocation: true })
  expect(conditions(verdict)).toContain('--interface enp0s25')
})
