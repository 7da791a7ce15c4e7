import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { linkFiles } from '../../../src/nixos/link/link-files.ts'
import { runProgram } from '../../support/program-run.ts'
import { testWith } from '../../support/programs.ts'
import { tempDir } from '../../support/temp-dir.ts'

const networkd = '/lib/systemd/systemd-networkd'
const env = { PATH: process.env.PATH ?? '' }

/**
 * A machine of its own as far as the network goes: another card holds a default route, and the cable's
 * card is there, at first without a carrier. networkd takes interfaces for ready without udev only
 * where /sys cannot be written, as in a container.
 */
const script = `
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /run/dbus
chown -R systemd-network: /run/systemd/netif
mkdir -p /etc/systemd/network
mount --bind "$1" /etc/systemd/network
mount -t sysfs -o ro sysfs /sys
ip link add eth0 type veth peer name router0
ip address add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip link set router0 up
ip route add default via 192.0.2.1 dev eth0
ip link add lan0 type veth peer name far0
ip route show default > "$2/before"
SYSTEMD_LOG_LEVEL=debug ${networkd} > "$2/log" 2>&1 &
daemon=$!
wait_for() {
  tries=0
  until eval "$1" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || { echo "waited in vain for: $1"; break; }
    sleep 0.1
  done
}
wait_for 'ip -4 address show lan0 | grep -q 10.255.255.1/30'
ip -4 -o address show lan0 > "$2/without-carrier"
ip link set far0 up
wait_for 'grep -q ADMIN_STATE=configured /run/systemd/netif/links/$(cat /sys/class/net/lan0/ifindex)'
cat /run/systemd/netif/links/$(cat /sys/class/net/lan0/ifindex) > "$2/state"
ip -4 -o address show lan0 > "$2/address"
cat /sys/class/net/lan0/mtu > "$2/mtu"
ip route show default > "$2/after"
kill $daemon
wait $daemon || true
cat "$2/log" | grep -E "narwhal-link" > "$2/said" || true
tail -n +1 "$2/before" "$2/after" "$2/without-carrier" "$2/address" "$2/mtu" "$2/state" "$2/said"
`

testWith(['unshare', 'ip', 'systemd-notify'])(
  'the real systemd-networkd takes the file, without and with a carrier, and leaves the default route',
  { timeout: 180_000 },
  async ({ skip }) => {
    const namespaces = await runProgram('unshare', ['-n', '-m', 'true'], { env })
    if (namespaces.code !== 0) return skip('needs root and namespaces')
    const dir = await tempDir('networkd')
    const [files, results] = [join(dir, 'network'), join(dir, 'results')]
    await mkdir(files)
    await mkdir(results)
    const [file] = linkFiles(
      {
        end: 'server',
        interface: 'lan0',
        address: '10.255.255.1/30',
        serverAddress: '10.255.255.1',
        narwhalPort: 5000,
        validatePort: 5202,
        mtuBytes: 9000,
        tuning: undefined,
      },
      'networkd',
    )
    await writeFile(join(files, '10-narwhal-link.network'), file?.text ?? '')
    await runProgram('chmod', ['-R', 'a+rX', dir], { env })
    const args = ['-n', '-m', 'sh', '-c', script, 'sh', files, results]
    const { stdout, stderr } = await runProgram('unshare', args, { env })
    const parts = Object.fromEntries(
      stdout
        .split(/^==> .*\/(.+) <==\n/m)
        .flatMap((part, at, all) => (at % 2 ? [[part, all[at + 1] ?? '']] : [])),
    )
    expect(stderr).toBe('')
    // ConfigureWithoutCarrier: the address is there while the other end is down
    expect(parts['without-carrier']).toContain('10.255.255.1/30')
    expect(parts.address).toContain('10.255.255.1/30')
    expect(parts.mtu?.trim()).toBe('9000')
    expect(parts.before?.trim()).toBe('default via 192.0.2.1 dev eth0')
    expect(parts.after?.trim()).toBe(parts.before?.trim())
    expect(parts.state).toContain('ADMIN_STATE=configured')
    expect(parts.state).toContain('REQUIRED_FOR_ONLINE=no')
    expect(parts.state).toContain('NETWORK_FILE=/etc/systemd/network/10-narwhal-link.network')
    expect(parts.state).toMatch(/^DNS=$/m)
    // "Unknown key", "Invalid …": networkd names the file and the line
    expect(parts.said ?? '').not.toMatch(/network:\d+:/)
  },
)
