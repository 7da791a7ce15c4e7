import { describe, expect, test } from 'vitest'
import { describedMachine } from '../../../src/advice/described-machine.ts'
import { chooseInterface, objectionTo } from '../../../src/advice/link/choose-interface.ts'
import {
  chooseFormat,
  handOver,
  linkFormats,
  networkManagers,
  type Owner,
} from '../../../src/advice/link/owner.ts'
import type { Link } from '../../../src/advice/machine.ts'

function link(facts: Partial<Link>): Link {
  const [made] = describedMachine({
    links: [{ name: 'enp3s0', kind: 'ethernet', hasDefaultRoute: false, ...facts }],
  }).links
  return made as Link
}

const lan = link({ name: 'eth0', hasDefaultRoute: true, addresses: ['192.168.1.2/24'] })
const wifi = link({ name: 'wlan0', kind: 'wifi' })
const free = link({})
const second = link({ name: 'enp4s0' })
const veth = link({ name: 'veth0', kind: 'virtual' })

describe('chooseInterface', () => {
  test('takes the only one nobody uses', () => {
    expect(chooseInterface([lan, wifi, free, veth], undefined)).toEqual({
      kind: 'chosen',
      link: free,
      isNamed: false,
    })
  })

  test('guesses neither between two nor at a virtual one, but takes either when named', () => {
    expect(chooseInterface([lan, free, second], undefined)).toEqual({
      kind: 'several',
      names: ['enp3s0', 'enp4s0'],
    })
    expect(chooseInterface([lan, veth], undefined)).toEqual({
      kind: 'none',
      candidates: [
        { link: lan, objection: 'holds the default route: the way to everything else' },
        { link: veth, objection: 'is virtual' },
      ],
    })
    for (const named of [second, veth])
      expect(chooseInterface([lan, free, second, veth], named.name)).toEqual({
        kind: 'chosen',
        link: named,
        isNamed: true,
      })
  })

  test('refuses the one with the default route whoever names it', () => {
    expect(chooseInterface([lan, free], 'eth0')).toEqual({
      kind: 'refused',
      link: lan,
      objection: 'holds the default route: the way to everything else',
    })
  })

  test('says when there is none of that name, and when there is none at all', () => {
    expect(chooseInterface([lan], 'enp9s0')).toEqual({ kind: 'unknown', name: 'enp9s0' })
    expect(chooseInterface([], undefined)).toEqual({ kind: 'none', candidates: [] })
  })
})

describe('objectionTo', () => {
  test.each([
    [lan, 'holds the default route: the way to everything else'],
    [link({ name: 'lo' }), 'is the loopback'],
    [wifi, 'is WiFi, not a cable'],
    [link({ addresses: ['192.168.7.2/24'] }), 'is in use: it has 192.168.7.2/24'],
    [link({ addresses: ['10.1.2.3/8'] }), 'is in use: it has 10.1.2.3/8'],
    [link({ addresses: ['fd00::2/64', 'fe80::1/64'] }), 'is in use: it has fd00::2/64'],
    [free, undefined],
    [link({ kind: undefined }), undefined],
    [veth, undefined],
    [link({ addresses: ['fe80::1/64', '169.254.3.4/16'] }), undefined],
    [link({ addresses: ['10.255.255.1/30'] }), undefined],
    [link({ addresses: ['172.31.255.1/24'] }), undefined],
  ])('%j: %s', (candidate, objection) => {
    expect(objectionTo(candidate)).toBe(objection)
  })

  test('an interface set up for the subnet that is asked for is free, for another it is not', () => {
    const set = link({ addresses: ['10.9.9.1/30'] })
    const subnet = { first: 0x0a090900, prefixLength: 30 }
    expect(objectionTo(set, subnet)).toBeUndefined()
    expect(objectionTo(set)).toBe('is in use: it has 10.9.9.1/30')
    expect(objectionTo(link({ addresses: ['10.255.255.1/30'] }), subnet)).toContain('is in use')
  })
})

describe('owners', () => {
  const owner = (name: Owner['name'], file?: string): Owner => ({ name, with: file })

  test('NixOS gets a module, others what configures the interface already', () => {
    expect(chooseFormat(true, [owner('NetworkManager')])).toBe('nixos')
    expect(chooseFormat(false, [owner('dhcpcd'), owner('NetworkManager')])).toBe('networkmanager')
    expect(chooseFormat(false, [owner('dhcpcd')])).toBe('networkd')
    expect(chooseFormat(false, [])).toBe('networkd')
  })

  test.each([
    ['NetworkManager', undefined, 'networkd', 'unmanaged-devices=interface-name:enp3s0'],
    ['dhcpcd', undefined, 'networkd', 'denyinterfaces enp3s0'],
    ['dhcpcd', undefined, 'networkmanager', 'denyinterfaces enp3s0'],
    ['ifupdown', '/etc/network/interfaces.d/lan', 'networkd', '/etc/network/interfaces.d/lan'],
    ['ifupdown', undefined, 'networkmanager', '/etc/network/interfaces configures'],
    ['bridge', 'br0', 'nixos', 'ip link set enp3s0 nomaster'],
    ['bridge', undefined, 'networkd', 'part of a bridge'],
    ['systemd-networkd', '/etc/systemd/network/05-all.network', 'networkd', 'narrow its [Match]'],
    ['systemd-networkd', '/etc/systemd/network/05-all.network', 'nixos', 'narrow its [Match]'],
    ['systemd-networkd', '/run/x/80-lan.network', 'networkmanager', '--format networkd'],
  ] as const)('%s (%s) and %s: says how to hand over', (name, file, format, words) => {
    const steps = handOver('enp3s0', format, [owner(name, file)])
    expect(steps).toEqual([expect.stringContaining(words)])
  })

  test.each([
    ['NetworkManager', undefined, 'networkmanager'],
    ['NetworkManager', undefined, 'nixos'],
    ['dhcpcd', undefined, 'nixos'],
    ['ifupdown', undefined, 'nixos'],
    ['systemd-networkd', undefined, 'networkmanager'],
    ['systemd-networkd', '/etc/systemd/network/10-narwhal-link.network', 'networkd'],
    ['systemd-networkd', '/etc/systemd/network/80-all.network', 'networkd'],
  ] as const)('%s (%s) and %s: nothing need be done', (name, file, format) => {
    expect(handOver('enp3s0', format, [owner(name, file)])).toEqual([])
  })

  test('every owner and format has an answer', () => {
    for (const name of networkManagers)
      for (const format of linkFormats)
        expect(handOver('enp3s0', format, [owner(name)])).toBeInstanceOf(Array)
    expect(handOver('enp3s0', 'networkd', [])).toEqual([])
  })
})
