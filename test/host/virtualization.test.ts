import { expect, test } from 'vitest'
import { readOperatingSystem } from '../../src/host/operating-system.ts'
import { detectVirtualization } from '../../src/host/virtualization.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { hostWith, type Tree } from './host-tree.ts'

const bare = { 'proc/cpuinfo': 'flags\t\t: fpu sse4_2\n' }
const guest = { 'proc/cpuinfo': 'flags\t\t: fpu sse4_2 hypervisor lahf_lm\n' }
const dmi = (file: string, text: string) => ({ [`sys/class/dmi/id/${file}`]: `${text}\n` })

const signs: readonly (readonly [string, Tree, string | undefined])[] = [
  ['a processor that knows of no hypervisor', bare, 'none'],
  ['a processor that knows of one', guest, 'vm'],
  ['a container that systemd started', { ...guest, 'run/systemd/container': 'lxc\n' }, 'container'],
  ['a container of podman', { ...guest, 'run/.containerenv': '' }, 'container'],
  ['a container of docker', { ...guest, '.dockerenv': '' }, 'container'],
  [
    'its first process told so',
    { ...bare, '1/x': '', 'proc/1/environ': 'A=b\0container=lxc\0' },
    'container',
  ],
  ['a pod', { ...bare, 'proc/1/cgroup': '0::/kubepods/besteffort/pod1\n' }, 'container'],
  [
    'WSL',
    { ...bare, 'proc/sys/kernel/osrelease': '5.15.90.1-microsoft-standard-WSL2\n' },
    'container',
  ],
  ['the firmware of QEMU', { ...bare, ...dmi('sys_vendor', 'QEMU') }, 'vm'],
  ['the firmware of a cloud', { ...bare, ...dmi('sys_vendor', 'Amazon EC2') }, 'vm'],
  [
    'a whole machine of that cloud',
    { ...bare, ...dmi('sys_vendor', 'Amazon EC2'), ...dmi('product_name', 'c5.metal') },
    'none',
  ],
  ['the firmware of a real board', dmi('sys_vendor', 'LENOVO'), 'none'],
  ['Xen', { ...bare, 'sys/hypervisor/type': 'xen\n' }, 'vm'],
  [
    "Xen's first domain",
    { ...guest, 'sys/hypervisor/type': 'xen\n', 'proc/xen/capabilities': 'control_d\n' },
    'none',
  ],
  ['a Raspberry Pi', { 'sys/firmware/devicetree/base/model': 'Raspberry Pi 4\0' }, 'none'],
  ['QEMU on ARM', { 'sys/firmware/devicetree/base/model': 'linux,dummy-virt\0' }, 'vm'],
  ['KVM on ARM', { 'sys/firmware/devicetree/base/hypervisor/compatible': 'linux,kvm' }, 'vm'],
  ['nothing at all', { 'proc/x': '' }, undefined],
]

test.each(signs)('by %s', async (_sign, tree, expected) => {
  expect(detectVirtualization(await hostWith(tree))).toBe(expected)
})

test.runIf(process.platform === 'linux')('agrees with itself on this machine', () => {
  expect(detectVirtualization()).toMatch(/^(vm|container|none)$/)
})

testWith(['systemd-detect-virt'])('agrees with systemd-detect-virt on this machine', async () => {
  const env = { PATH: process.env.PATH ?? '' }
  const ask = (kind: string) =>
    mustRun('sh', ['-c', `systemd-detect-virt ${kind} || true`], { env })
  const [container, any] = [await ask('--container'), await ask('--vm')]
  const expected = container !== 'none' ? 'container' : any !== 'none' ? 'vm' : 'none'
  expect(detectVirtualization()).toBe(expected)
})

test('reads os-release, quoted or not, and the kernel', async () => {
  const nixos = await hostWith({
    'etc/os-release': 'ID=nixos\nPRETTY_NAME="NixOS 25.11 (Xantusia)"\n',
    'proc/sys/kernel/osrelease': '6.12.58\n',
  })
  const read = { distribution: 'NixOS 25.11 (Xantusia)', isNixos: true, kernel: '6.12.58' }
  expect(readOperatingSystem(nixos)).toEqual(read)
  const arch = await hostWith({ 'usr/lib/os-release': "NAME='Arch Linux'\nID=arch\n" })
  const other = { distribution: 'Arch Linux', isNixos: false, kernel: undefined }
  expect(readOperatingSystem(arch)).toEqual(other)
  const none = { distribution: undefined, isNixos: false, kernel: undefined }
  expect(readOperatingSystem(await hostWith({ 'etc/x': '' }))).toEqual(none)
})
