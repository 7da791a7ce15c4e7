import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatNetwork } from '../../../src/advice/link/ipv4.ts'
import { readDamagedFrames, readLocalEnd } from '../../../src/host/link/local-end.ts'
import { type OwnerRoots, readOwners } from '../../../src/host/link/owners.ts'
import { readRoutes } from '../../../src/host/link/routes.ts'
import { countedSince, readTcpCounters } from '../../../src/host/link/tcp-counters.ts'
import { mustRun } from '../../support/program-run.ts'
import { testWith } from '../../support/programs.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { systemWith } from '../fixture-tree.ts'

const routeTable = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0101A8C0	0003	0	0	100	00000000	0	0	0
eth0	0001A8C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
wg0	0000000A	00000000	0001	0	0	0	000000FF	0	0	0
lan0	00FFFF0A	00000000	0001	0	0	0	FCFFFFFF	0	0	0
lo	000000AC	00000000	0201	0	0	0	0000F0FF	0	0	0
eth1	0002A8C0	00000000	0000	0	0	0	00FFFFFF	0	0	0
`

describe('readRoutes', () => {
  test('reads networks as this byte order writes them, less what is down or blocked', async () => {
    const roots = await systemWith({ 'proc/net/route': routeTable })
    const routes = readRoutes(roots).map(
      ({ interface: name, network }) => `${name} ${formatNetwork(network)}`,
    )
    expect(routes).toEqual([
      'eth0 0.0.0.0/0',
      'eth0 192.168.1.0/24',
      'wg0 10.0.0.0/8',
      'lan0 10.255.255.0/30',
    ])
  })

  test('a machine without the table has no routes', async () => {
    expect(readRoutes(await systemWith({}))).toEqual([])
  })

  testWith(['ip'])('agrees with ip route on this machine', async () => {
    const text = await mustRun('ip', ['-4', '-o', 'route', 'show', 'table', 'main'], {
      env: { PATH: process.env.PATH ?? '' },
    })
    const kernel = text
      .split('\n')
      .filter((line) => line !== '' && !/^(unreachable|blackhole|prohibit)/.test(line))
      .map((line) => {
        const [destination = ''] = line.split(' ')
        const name = / dev (\S+)/.exec(line)?.[1]
        const network = destination === 'default' ? '0.0.0.0/0' : destination
        return `${name} ${network.includes('/') ? network : `${network}/32`}`
      })
    const ours = readRoutes().map(
      ({ interface: name, network }) => `${name} ${formatNetwork(network)}`,
    )
    expect(ours.toSorted()).toEqual(kernel.toSorted())
  })
})

describe('readOwners', () => {
  async function rootsWith(files: Readonly<Record<string, string>>): Promise<OwnerRoots> {
    const dir = await tempDir('owners')
    for (const [path, text] of Object.entries({ 'sys/class/net/lan0/ifindex': '7\n', ...files })) {
      await mkdir(dirname(join(dir, path)), { recursive: true })
      await writeFile(join(dir, path), text)
    }
    return {
      proc: join(dir, 'proc'),
      sys: join(dir, 'sys'),
      run: join(dir, 'run'),
      etc: join(dir, 'etc'),
    }
  }

  test.each<[string, Record<string, string>, readonly object[]]>([
    ['nobody', {}, []],
    [
      'NetworkManager',
      { 'run/NetworkManager/devices/7': '[device]\nmanaged=true\nconnection-uuid=ab-cd\n' },
      [{ name: 'NetworkManager', with: 'ab-cd' }],
    ],
    [
      'NetworkManager, told to leave it alone',
      { 'run/NetworkManager/devices/7': '[device]\nmanaged=unmanaged\n' },
      [],
    ],
    [
      'NetworkManager with another interface',
      { 'run/NetworkManager/devices/8': '[device]\nmanaged=true\n' },
      [],
    ],
    [
      'networkd',
      { 'run/systemd/netif/links/7': 'ADMIN_STATE=configured\nNETWORK_FILE=/etc/x/80-a.network\n' },
      [{ name: 'systemd-networkd', with: '/etc/x/80-a.network' }],
    ],
    ['networkd that ignores it', { 'run/systemd/netif/links/7': 'ADMIN_STATE=unmanaged\n' }, []],
    ['dhcpcd for all', { 'run/dhcpcd/pid': '12\n' }, [{ name: 'dhcpcd', with: undefined }]],
    ['dhcpcd of old', { 'run/dhcpcd.pid': '12\n' }, [{ name: 'dhcpcd', with: undefined }]],
    ['dhcpcd for this one', { 'run/dhcpcd-lan0.pid': '1' }, [{ name: 'dhcpcd', with: undefined }]],
    ['dhcpcd for another', { 'run/dhcpcd-eth0.pid': '1' }, []],
    [
      'dhcpcd, told to leave it alone',
      { 'run/dhcpcd/pid': '12\n', 'etc/dhcpcd.conf': 'denyinterfaces veth* lan0\n' },
      [],
    ],
    [
      'ifupdown',
      { 'etc/network/interfaces': 'auto lan0\niface lan0 inet dhcp\n' },
      [{ name: 'ifupdown', with: '/etc/network/interfaces' }],
    ],
    [
      'ifupdown in a file of its own',
      { 'etc/network/interfaces.d/lan': 'iface lan0 inet static\n' },
      [{ name: 'ifupdown', with: '/etc/network/interfaces.d/lan' }],
    ],
    ['ifupdown for another', { 'etc/network/interfaces': 'iface lan01 inet dhcp\n' }, []],
  ])('%s', async (_, files, owners) => {
    expect(readOwners('lan0', await rootsWith(files))).toEqual(owners)
  })

  test('a bridge', async () => {
    const roots = await rootsWith({})
    await symlink('../../virtual/br0', join(roots.sys, 'class/net/lan0/master'))
    expect(readOwners('lan0', roots)).toEqual([{ name: 'bridge', with: 'br0' }])
  })
})

describe('readLocalEnd', () => {
  test('an address of this machine goes over no wire', async () => {
    expect(await readLocalEnd('127.0.0.1')).toMatchObject({ interface: 'lo', isLoopback: true })
  })

  test('what the interface has negotiated is read where it tells', async () => {
    const roots = await systemWith({
      'sys/class/net/lo/speed': '100\n',
      'sys/class/net/lo/duplex': 'half\n',
      'sys/class/net/lo/mtu': '9000\n',
      'sys/class/net/lo/phy80211/name': 'phy0',
      'proc/net/route': routeTable.replaceAll('eth0', 'lo'),
    })
    expect(await readLocalEnd('127.0.0.1', roots)).toMatchObject({
      ...{ speedMbits: 100, duplex: 'half', mtuBytes: 9000, isWifi: true, hasDefaultRoute: true },
    })
    const silent = await systemWith({ 'sys/class/net/lo/speed': '-1\n' })
    expect(await readLocalEnd('127.0.0.1', silent)).toMatchObject({
      ...{ speedMbits: undefined, duplex: undefined, mtuBytes: undefined, isWifi: false },
    })
  })

  test('a card on USB tells the speed of its port', async () => {
    const roots = await systemWith({
      'sys/devices/pci0/usb1/1-2/speed': '480\n',
      'sys/devices/pci0/usb1/1-2/1-2:1.0/x': '',
      'sys/class/net/lo/mtu': '1500\n',
    })
    await symlink('../../../devices/pci0/usb1/1-2/1-2:1.0', join(roots.sys, 'class/net/lo/device'))
    expect((await readLocalEnd('127.0.0.1', roots)).usbMbits).toBe(480)
  })

  test('damaged frames are summed; where the card does not count them they are unknown', async () => {
    const folder = 'sys/class/net/lan0/statistics'
    const roots = await systemWith({
      [`${folder}/rx_crc_errors`]: '3\n',
      [`${folder}/rx_frame_errors`]: '4\n',
    })
    expect(readDamagedFrames('lan0', roots)).toBe(7)
    expect(readDamagedFrames('lan1', roots)).toBeUndefined()
    expect(readDamagedFrames(undefined, roots)).toBeUndefined()
  })
})

describe('readTcpCounters', () => {
  const snmp = (out: number, again: number) =>
    `Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm OutSegs RetransSegs InErrs\nTcp: 1 ${out} ${again} 0\n`

  test('counts what was sent between two readings', async () => {
    const before = readTcpCounters(await systemWith({ 'proc/net/snmp': snmp(100, 2) }))
    const after = readTcpCounters(await systemWith({ 'proc/net/snmp': snmp(350, 7) }))
    expect(countedSince(before, after)).toEqual({ segments: 250, resent: 5 })
    expect(countedSince(undefined, after)).toBeUndefined()
    expect(countedSince(before, undefined)).toBeUndefined()
  })

  test('is unknown where there is no such file', async () => {
    expect(readTcpCounters(await systemWith({}))).toBeUndefined()
  })
})
