import { expect, test } from 'vitest'
import { readLinks } from '../../src/host/links.ts'
import { wifiRateOf } from '../../src/host/wifi-rate.ts'
import { hostWith, type Tree } from './host-tree.ts'

interface Card {
  readonly driver?: string
  readonly files?: Tree
}

/** An interface in /sys/class/net; with a driver it is hardware. */
function card(name: string, { driver, files = {} }: Card = {}): Tree {
  const own = `sys/class/net/${name}`
  const basic = { type: '1\n', mtu: '1500\n', operstate: 'up\n', ...files }
  const tree = Object.entries(basic).map(([file, text]) => [`${own}/${file}`, text])
  if (driver !== undefined) {
    tree.push([`sys/bus/drivers/${driver}/x`, ''])
    tree.push([`${own}/device/driver`, `-> sys/bus/drivers/${driver}`])
  }
  return Object.fromEntries(tree)
}

const wired = card('enp2s0', {
  driver: 'r8169',
  files: { speed: '1000\n', duplex: 'full\n' },
})
const wireless = card('wlp3s0', { driver: 'iwlwifi', files: { 'phy80211/index': '0\n' } })
const loopback = card('lo', { files: { type: '772\n' } })
const routeHead =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
const route = (name: string, metric: number) =>
  `${name}\t00000000\t0101A8C0\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0\n${name}\t0001A8C0\t00000000\t0001\t0\t0\t${metric}\t00FFFFFF\t0\t0\t0\n`
const of = (...cidrs: string[]) => cidrs.map((cidr) => ({ cidr }))

test('reads speed, duplex, driver, mtu and state of a wired link', async () => {
  const roots = await hostWith(wired, loopback, {
    'proc/net/route': routeHead + route('enp2s0', 100),
  })
  expect(readLinks(roots, { enp2s0: of('192.168.1.20/24', 'fe80::1/64') })).toEqual([
    {
      name: 'enp2s0',
      kind: 'ethernet',
      bitsPerSecond: 1e9,
      duplex: 'full',
      driver: 'r8169',
      mtu: 1500,
      isUp: true,
      hasDefaultRoute: true,
      addresses: ['192.168.1.20/24', 'fe80::1/64'],
    },
  ])
})

test('tells wireless ones, whose rate it does not know', async () => {
  const [link] = readLinks(await hostWith(wireless), { wlp3s0: of('192.168.1.23/24') })
  expect(link).toMatchObject({ kind: 'wifi', bitsPerSecond: undefined, duplex: undefined })
})

test.each(['virtio_net', 'xen_netfront', 'hv_netvsc', 'vmxnet3', 'ena'])(
  'a card of the driver %s is made up',
  async (driver) => {
    const roots = await hostWith(
      card('eth0', { driver, files: { speed: '10000\n', duplex: 'full\n' } }),
    )
    expect(readLinks(roots, {})).toMatchObject([
      { kind: 'virtual', bitsPerSecond: undefined, duplex: undefined },
    ])
  },
)

test('the link of the default route comes first, then those in use, then those that are down', async () => {
  const roots = await hostWith(
    wired,
    wireless,
    card('enp5s0', { driver: 'igc', files: { operstate: 'down\n' } }),
    card('eno9', { driver: 'tg3', files: { speed: '-1\n' } }),
    // made up by programs, and used by nobody
    ...['docker0', 'veth12', 'ifb0'].map((name) => card(name)),
    card('br7'),
    {
      'proc/net/route': routeHead + route('wlp3s0', 600) + route('enp2s0', 100),
      'proc/net/ipv6_route': `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} ffffffff 00000001 00000000 00200200       lo\n`,
    },
  )
  const addresses = { enp2s0: of('10.0.0.2/24'), wlp3s0: of('10.0.1.2/24'), br7: of('10.9.0.1/24') }
  const links = readLinks(roots, addresses)
  expect(links.map(({ name, hasDefaultRoute }) => [name, hasDefaultRoute])).toEqual([
    ['enp2s0', true],
    ['wlp3s0', true],
    ['br7', false],
    ['eno9', false],
    ['enp5s0', false],
  ])
  expect(links.at(-1)?.isUp).toBe(false)
})

test('a machine with a default route of IPv6 alone has one', async () => {
  const roots = await hostWith(wired, {
    'proc/net/ipv6_route': `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe80${'0'.repeat(28)} 00000064 00000001 00000000 00000003   enp2s0\n`,
  })
  expect(readLinks(roots, {})[0]?.hasDefaultRoute).toBe(true)
})

test('a bridge is as fast as the card it goes out by', async () => {
  const roots = await hostWith(
    wired,
    card('br0', { files: { 'lower_enp2s0/x': '', 'bridge/x': '' } }),
    { 'proc/net/route': routeHead + route('br0', 0) },
  )
  expect(readLinks(roots, { br0: of('10.0.0.2/24') })[0]).toMatchObject({
    ...{ name: 'br0', kind: 'ethernet', bitsPerSecond: 1e9, duplex: 'full', driver: 'r8169' },
  })
})

test('a bridge of several ports is as fast as the fastest; one of cable and air is neither', async () => {
  const ports = ['lan1', 'lan2'].map((name, at) =>
    card(name, { driver: 'dsa', files: { speed: `${10 ** (3 - at)}\n` } }),
  )
  const bridge = (...names: string[]) =>
    card('br-lan', { files: Object.fromEntries(names.map((name) => [`lower_${name}/x`, ''])) })
  const addresses = { 'br-lan': of('192.168.1.1/24') }
  const wired = await hostWith(...ports, bridge('lan1', 'lan2'))
  expect(readLinks(wired, addresses)[0]).toMatchObject({
    ...{ name: 'br-lan', kind: 'ethernet', bitsPerSecond: 1e9 },
  })
  const mixed = await hostWith(...ports, wireless, bridge('lan1', 'wlp3s0'))
  expect(readLinks(mixed, addresses)[0]?.kind).toBe('virtual')
})

test.each([
  [{ operstate: 'unknown\n', carrier: '1\n' }, true],
  [{ operstate: 'unknown\n', carrier: '0\n' }, false],
  [{ operstate: 'unknown\n' }, undefined],
  [{ operstate: 'dormant\n' }, false],
])('state %j is up: %s', async (files, isUp) => {
  const roots = await hostWith(card('eth0', { driver: 'r8169', files }))
  expect(readLinks(roots, {})[0]?.isUp).toBe(isUp)
})

test('the lower rate of both directions is what a wireless link has agreed on', () => {
  const text = `Connected to 00:11:22:33:44:55 (on wlp3s0)
	freq: 5180
	rx bitrate: 866.7 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 2
	tx bitrate: 300.0 MBit/s MCS 15 40MHz short GI
`
  expect(wifiRateOf(text)).toBe(300e6)
  expect(wifiRateOf('Not connected.\n')).toBe(undefined)
})
