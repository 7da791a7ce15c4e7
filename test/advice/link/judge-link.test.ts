import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeLink } from '../../../src/advice/link/judge-link.ts'
import type { LinkReading } from '../../../src/advice/link/reading.ts'

const direction = { mbits: 938, ownCpuShare: 0.2, peerCpuShare: 0.3 }
const local: LinkReading['local'] = {
  interface: 'enp3s0',
  isLoopback: false,
  isWifi: false,
  hasDefaultRoute: false,
  speedMbits: 1000,
  duplex: 'full',
  mtuBytes: 1500,
  usbMbits: undefined,
}
const good: LinkReading = {
  peerAddress: '10.255.255.1',
  local,
  latency: { method: 'ping', count: 300, medianMs: 0.2, p99Ms: 0.4 },
  loss: { method: 'ping', sent: 300, received: 300 },
  resent: { segments: 100_000, resent: 0 },
  takesFullPackets: undefined,
  damagedFrames: 0,
  throughput: { method: 'narwhal', sending: direction, receiving: direction },
}

/** What fell short, and the first thing to do about it. */
function judged(more: Partial<LinkReading>) {
  const { findings, verdict } = judgeLink({ ...good, ...more })
  return {
    answer: verdict.answer,
    failed: findings.filter(({ holds }) => holds === false).map(({ about }) => about),
    first: verdict.answer === 'no' ? verdict.instead[0].text : undefined,
    all: verdict.answer === 'no' ? verdict.instead.map(({ text }) => text).join('\n') : '',
  }
}

function at(mbits: number, more: Partial<typeof direction> = {}): LinkReading['throughput'] {
  const both = { ...direction, ...more, mbits }
  return { method: 'narwhal', sending: both, receiving: both }
}

test('a good link is a yes, with every figure as a reason', () => {
  const { verdict, findings } = judgeLink(good)
  expect(verdict).toMatchObject({ answer: 'yes' })
  expect(findings.map(({ about, holds }) => [about, holds])).toEqual([
    ['latency', true],
    ['loss', true],
    ['throughput', true],
    ['throughput', true],
  ])
  expect(findings[2]?.statement.formula).toBe(
    '938 > 900 Mbit/s, of at most 1000 × 1448 / 1538 = 941',
  )
})

test('the borders: under 1 ms, over 900 Mbit/s, nothing lost', () => {
  const latency = (medianMs: number) => ({ latency: { ...good.latency, medianMs } })
  expect(judged(latency(0.999)).answer).toBe('yes')
  expect(judged(latency(1)).failed).toEqual(['latency'])
  expect(judged({ throughput: at(900.1) }).answer).toBe('yes')
  expect(judged({ throughput: at(900) }).failed).toEqual(['throughput', 'throughput'])
  expect(judged({ loss: { ...good.loss, received: 299 } }).failed).toEqual(['loss'])
})

test('one slow direction is enough for a no', () => {
  const sending = { ...direction, mbits: 300 }
  const slow = judged({ throughput: { method: 'narwhal', sending, receiving: direction } })
  expect(slow.failed).toEqual(['throughput'])
  expect(slow.first).toContain('one direction is much slower (300 there, 938 back)')
})

test('NARs from narwhal must reach 800 Mbit/s, and only one direction is known', () => {
  const http = (mbits: number): LinkReading['throughput'] => ({
    method: 'http',
    sending: undefined,
    receiving: { ...direction, mbits },
  })
  expect(judged({ throughput: http(801) })).toMatchObject({ answer: 'yes', failed: [] })
  expect(judged({ throughput: http(800) }).failed).toEqual(['throughput'])
})

test('without an other end it is a yes only if that is measured too; a fault stays a no', () => {
  const { verdict } = judgeLink({ ...good, throughput: undefined, resent: undefined })
  expect(verdict).toMatchObject({
    answer: 'yes, if',
    conditions: [expect.stringContaining('--validate --listen')],
  })
  const lossy = { throughput: undefined, loss: { ...good.loss, received: 290 } }
  expect(judged(lossy).answer).toBe('no')
})

describe('what TCP sends twice', () => {
  const resent = { segments: 1000, resent: 20 }

  test('is a fault where the link is too slow as well, and mended first', () => {
    const slow = judged({ resent, throughput: at(400) })
    expect(slow.failed).toContain('loss')
    expect(slow.all).toContain('only under load: a buffer overflows')
    expect(slow.all).toContain('mend the loss first')
  })

  test('is none where it is fast all the same, or where it is one in a thousand', () => {
    expect(judged({ resent }).answer).toBe('yes')
    expect(judged({ resent, throughput: undefined }).answer).toBe('yes, if')
    const few = { segments: 1000, resent: 1 }
    expect(judged({ resent: few, throughput: at(400) }).failed).not.toContain('loss')
  })
})

describe('the way there', () => {
  test.each([
    [{ isLoopback: true }, 'this machine itself', 'give the address of the other'],
    [{ isWifi: true }, 'which is WiFi', 'plug a cable into both'],
    [{ hasDefaultRoute: true }, 'no cable of its own', 'goes out by the default route'],
    [{ duplex: 'half' }, 'half duplex', 'let both negotiate'],
  ] as const)('%j is a no, and said first', (more, why, what) => {
    const reading = { local: { ...local, ...more } }
    const { verdict } = judgeLink({ ...good, ...reading })
    expect(verdict.because[0].text).toContain(why)
    expect(judged(reading).first).toContain(what)
  })

  test('jumbo frames that do not come back are a no', () => {
    const jumbo = { local: { ...local, mtuBytes: 9000 } }
    expect(judged({ ...jumbo, takesFullPackets: true }).answer).toBe('yes')
    const lost = judged({ ...jumbo, takesFullPackets: false })
    expect(lost).toMatchObject({ failed: ['path'] })
    expect(lost.first).toContain('--mtu 9000 at both')
  })
})

describe('what to do comes likeliest cause first', () => {
  test.each<[string, Partial<LinkReading>, string]>([
    [
      '100 Mbit/s negotiated',
      { local: { ...local, speedMbits: 100 }, throughput: at(94) },
      'the ends agreed on 100 Mbit/s: change the cable',
    ],
    [
      '94 Mbit/s and no word of the speed',
      { local: { ...local, speedMbits: undefined }, throughput: at(94) },
      '94 Mbit/s is what a link of 100 Mbit/s carries',
    ],
    ['damaged frames', { damagedFrames: 7 }, 'frames come damaged'],
    ['lost pings', { loss: { ...good.loss, received: 294 } }, 'packets are lost'],
    [
      'a card on USB 2',
      { local: { ...local, usbMbits: 480 }, throughput: at(300) },
      'USB port of 480',
    ],
    [
      'a busy core here',
      { throughput: at(500, { ownCpuShare: 0.98 }) },
      'a core of this machine is busy',
    ],
    [
      'a busy core there',
      { throughput: at(500, { peerCpuShare: 1.1 }) },
      'a core of the other machine',
    ],
    ['slow for no reason seen', { throughput: at(500) }, 'so look at the cards'],
    [
      'slow, and shares of cores unknown',
      { throughput: at(500, { ownCpuShare: undefined, peerCpuShare: undefined } as object) },
      'so look at the cards',
    ],
    [
      'late packets',
      { latency: { ...good.latency, medianMs: 3, p99Ms: 4 } },
      'packets wait: turn off',
    ],
    [
      'very late now and then',
      { latency: { ...good.latency, medianMs: 2, p99Ms: 40 } },
      'wait now and then',
    ],
  ])('%s', (_, more, words) => {
    expect(judged(more).first).toContain(words)
  })

  test('a link at 100 Mbit/s is not blamed on cards, one with USB 3 not on USB', () => {
    const slow = { local: { ...local, speedMbits: 100 }, throughput: at(94) }
    expect(judged(slow).all).not.toContain('look at the cards')
    const usb3 = { local: { ...local, usbMbits: 5000 }, throughput: at(500) }
    expect(judged(usb3).all).not.toContain('USB port')
  })

  test('late and lost: the loss is mended first, power saving is not blamed', () => {
    const both = judged({
      loss: { ...good.loss, received: 200 },
      latency: { ...good.latency, medianMs: 4 },
    })
    expect(both.failed).toEqual(['latency', 'loss'])
    expect(both.first).toContain('packets are lost')
    expect(both.all).not.toContain('eee')
  })
})

test('a no always has reasons and something to do, whatever is read; a better link is never judged worse', () => {
  const reading = fc.record({
    local: fc.record({
      interface: fc.constantFrom('enp3s0', undefined),
      isLoopback: fc.boolean(),
      isWifi: fc.boolean(),
      hasDefaultRoute: fc.boolean(),
      speedMbits: fc.constantFrom(undefined, 10, 100, 1000, 2500),
      duplex: fc.constantFrom('full' as const, 'half' as const, undefined),
      mtuBytes: fc.constantFrom(undefined, 1500, 9000),
      usbMbits: fc.constantFrom(undefined, 480, 5000),
    }),
    medianMs: fc.double({ min: 0.01, max: 20, noNaN: true }),
    lost: fc.nat(300),
    resent: fc.option(fc.nat(1000), { nil: undefined }),
    damagedFrames: fc.option(fc.nat(3), { nil: undefined }),
    takesFullPackets: fc.constantFrom(true, false, undefined),
    mbits: fc.option(fc.double({ min: 1, max: 2400, noNaN: true }), { nil: undefined }),
  })
  fc.assert(
    fc.property(reading, ({ medianMs, lost, resent, mbits, ...rest }) => {
      const whole: LinkReading = {
        ...good,
        ...rest,
        latency: { ...good.latency, medianMs, p99Ms: medianMs * 2 },
        loss: { method: 'tcp', sent: 300, received: 300 - lost },
        resent: resent === undefined ? undefined : { segments: 10_000, resent },
        throughput: mbits === undefined ? undefined : at(mbits),
      }
      const { verdict, findings } = judgeLink(whole)
      expect(verdict.answer === 'no').toBe(findings.some(({ holds }) => holds === false))
      if (verdict.answer === 'no') expect(verdict.instead.length).toBeGreaterThan(0)
      if (mbits === undefined || verdict.answer === 'no') return
      const faster = judgeLink({ ...whole, throughput: at(mbits + 500) })
      expect(faster.verdict.answer).toBe('yes')
    }),
  )
})
