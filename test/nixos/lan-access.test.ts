import { describe, expect, test } from 'vitest'
import { lanAccess, lanAddress } from '../../src/nixos/lan-access.ts'

const link = (...addresses: string[]) => ({ name: 'enp2s0', addresses })

describe('the port is opened on the interface of a private network', () => {
  test.each([
    ['10.0.0.5/8'],
    ['172.16.0.1/12'],
    ['172.31.255.254/12'],
    ['192.168.1.20/24'],
    ['100.64.0.1/10'],
    ['100.127.255.254/10'],
    ['fd12:3456::1/64'],
  ])('%s', (address) => {
    expect(lanAccess(link(address))).toEqual({ interface: 'enp2s0' })
  })

  test('a public IPv6 address beside it is what a home network has', () => {
    const home = link('192.168.1.20/24', '2001:db8::20/64', 'fe80::1/64')
    expect(lanAccess(home)).toEqual({ interface: 'enp2s0' })
  })
})

describe('everywhere else it stays closed, and the reason is said', () => {
  test.each([
    [['203.0.113.7/24'], /public address 203\.0\.113\.7/],
    [['172.32.0.1/12'], /public address/],
    [['172.15.0.1/12'], /public address/],
    [['100.128.0.1/10'], /public address/],
    [['11.0.0.1/8'], /public address/],
    [['192.168.1.20/24', '203.0.113.7/24'], /public address 203\.0\.113\.7/],
    [['2001:db8::20/64'], /public address 2001:db8::20/],
    [['169.254.3.4/16', 'fe80::1/64'], /enp2s0 has no address/],
    [[], /enp2s0 has no address/],
  ])('%j', (addresses, why) => {
    expect(lanAccess(link(...addresses))).toEqual({ whyClosed: expect.stringMatching(why) })
  })

  test('where no interface is known', () => {
    const closed = { whyClosed: expect.stringMatching(/not known/) }
    expect(lanAccess(undefined)).toEqual(closed)
    expect(lanAccess({ name: 'link1', addresses: ['192.168.1.20/24'] })).toEqual(closed)
  })
})

describe('clients are sent to', () => {
  test.each([
    [['192.168.1.20/24'], '192.168.1.20'],
    [['2001:db8::20/64', '192.168.1.20/24'], '192.168.1.20'],
    [['fd12::1/64', '10.1.1.1/24'], '10.1.1.1'],
    [['fd12::1/64'], '[fd12::1]'],
    [['203.0.113.7/24'], undefined],
    [[], undefined],
  ])('%j: %s', (addresses, address) => {
    expect(lanAddress(link(...addresses))).toBe(address)
  })
})
