import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  contains,
  formatIpv4,
  formatNetwork,
  hostsIn,
  overlap,
  parseIpv4,
  parseNetwork,
} from '../../../src/advice/link/ipv4.ts'
import {
  chooseSubnet,
  prefixLengthFor,
  type Route,
  usualSubnets,
} from '../../../src/advice/link/subnet.ts'

const anyAddress = fc.nat(2 ** 32 - 1)

function network(text: string) {
  const parsed = parseNetwork(text)
  if (parsed === undefined) throw new Error(`${text} is no network`)
  return parsed
}

function route(name: string, text: string): Route {
  return { interface: name, network: network(text) }
}

describe('addresses', () => {
  test('what is written is read back', () => {
    fc.assert(fc.property(anyAddress, (address) => parseIpv4(formatIpv4(address)) === address))
  })

  test.each([
    '',
    '10.255.255',
    '10.255.255.1.2',
    '10.255.255.256',
    '10.255.255.01',
    ' 10.0.0.1',
    'a.b.c.d',
    '::1',
  ])('"%s" is no address', (text) => {
    expect(parseIpv4(text)).toBeUndefined()
  })

  test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '/30', '10.0.0/8'])(
    '"%s" is no network',
    (text) => {
      expect(parseNetwork(text)).toBeUndefined()
    },
  )

  test('an address within a network names the network', () => {
    expect(formatNetwork(network('10.255.255.2/30'))).toBe('10.255.255.0/30')
    expect(formatNetwork(network('255.255.255.255/32'))).toBe('255.255.255.255/32')
    expect(formatNetwork(network('200.1.2.3/0'))).toBe('0.0.0.0/0')
  })

  test('a network holds its own addresses and no others', () => {
    fc.assert(
      fc.property(
        anyAddress,
        fc.integer({ min: 0, max: 32 }),
        anyAddress,
        (base, length, other) => {
          const wide = network(`${formatIpv4(base)}/${length}`)
          const single = network(`${formatIpv4(other)}/32`)
          const size = 2 ** (32 - length)
          const isWithin = other >= wide.first && other < wide.first + size
          return (
            overlap(wide, single) === isWithin &&
            overlap(single, wide) === isWithin &&
            contains(wide, single) === isWithin
          )
        },
      ),
    )
  })

  test('a wide network is not within a narrow one, though they overlap', () => {
    expect(contains(network('10.255.255.0/30'), network('10.0.0.0/8'))).toBe(false)
    expect(overlap(network('10.255.255.0/30'), network('10.0.0.0/8'))).toBe(true)
    expect(overlap(network('10.255.255.0/30'), network('10.255.255.4/30'))).toBe(false)
  })

  test('a /30 has room for two hosts, a /24 for 254, a /31 and a /32 for none', () => {
    expect([30, 24, 31, 32].map(hostsIn)).toEqual([2, 254, 0, 0])
  })
})

describe('chooseSubnet', () => {
  const plain = { hosts: 2, asked: undefined, interfaceName: 'lan0', routes: [] }
  const choose = (wish: Partial<Parameters<typeof chooseSubnet>[0]>) =>
    chooseSubnet({ ...plain, ...wish })
  const free = (text: string) => ({ kind: 'free', subnet: network(text) })

  test('two hosts get 10.255.255.0/30, more get a /24', () => {
    expect(choose({})).toEqual(free('10.255.255.0/30'))
    expect(choose({ hosts: 3 })).toEqual(free('10.255.255.0/24'))
    expect([2, 3].map(prefixLengthFor)).toEqual([30, 24])
  })

  test('the default route, routes elsewhere and routes of the link itself do not matter', () => {
    const routes = [
      route('eth0', '0.0.0.0/0'),
      route('eth0', '192.168.1.0/24'),
      route('eth0', '10.255.255.4/30'),
      route('lan0', '10.255.255.0/30'),
    ]
    expect(choose({ routes })).toEqual(free('10.255.255.0/30'))
  })

  test.each(['10.0.0.0/8', '10.255.255.0/24', '10.255.255.0/30', '10.255.255.2/32'])(
    'a route to %s elsewhere takes it, and another is offered, never taken in silence',
    (text) => {
      const by = route('wg0', text)
      expect(choose({ routes: [by] })).toEqual({
        kind: 'taken',
        subnet: network('10.255.255.0/30'),
        by,
        offered: network('172.31.255.0/30'),
      })
    },
  )

  test('what is offered is free itself', () => {
    const routes = [route('wg0', '10.0.0.0/8'), route('docker0', '172.16.0.0/12')]
    expect(choose({ routes })).toMatchObject({ offered: network('192.168.255.0/30') })
    expect(choose({ routes: [...routes, route('eth0', '192.168.0.0/16')] })).toMatchObject({
      kind: 'taken',
      offered: undefined,
    })
  })

  test('another is taken when it is asked for, and must be free too', () => {
    const routes = [route('wg0', '10.0.0.0/8')]
    expect(choose({ asked: '172.31.255.0/30', routes })).toEqual(free('172.31.255.0/30'))
    expect(choose({ asked: '10.1.2.0/30', routes })).toMatchObject({ kind: 'taken' })
  })

  test.each([
    [{ asked: '8.8.8.0/30' }, '8.8.8.0/30 is not for private use (RFC 1918)'],
    [{ asked: '172.32.0.0/30' }, '172.32.0.0/30 is not for private use (RFC 1918)'],
    [{ asked: '0.0.0.0/0' }, '0.0.0.0/0 is not for private use (RFC 1918)'],
    [{ asked: 'x' }, '"x" is no IPv4 network such as 10.255.255.0/30'],
    [{ asked: '10.9.9.0/31' }, '10.9.9.0/31 has room for 0 hosts, 2 are wanted'],
    [{ asked: '10.9.9.0/30', hosts: 3 }, '10.9.9.0/30 has room for 2 hosts, 3 are wanted'],
  ])('%j is unfit', (wish, why) => {
    expect(choose(wish)).toEqual({ kind: 'unfit', why })
  })

  test('every usual one is private, and none overlaps another', () => {
    for (const first of usualSubnets)
      expect(choose({ asked: `${first}/24`, hosts: 200 })).toMatchObject({ kind: 'free' })
    const all = usualSubnets.map((first) => network(`${first}/24`))
    expect(all.some((a, at) => all.slice(at + 1).some((b) => overlap(a, b)))).toBe(false)
  })
})
