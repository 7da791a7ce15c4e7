import { join } from 'node:path'
import type { System } from '../advice/machine.ts'
import { type HostRoots, hostRoots } from './host-roots.ts'
import { listSystemDirectory, readSystemFile } from './system-files.ts'

/** How hypervisors call themselves in the firmware's tables, as systemd-detect-virt(1) knows them. */
const hypervisors =
  /\b(KVM|QEMU|OpenStack|VMware|VirtualBox|innotek|Xen|Bochs|Parallels|BHYVE|Amazon EC2|Google Compute|Hyper-V|Apple Virtualization|Alibaba Cloud ECS|Firecracker)\b/i

/**
 * Tells whether this is a machine of its own: by the signs systemd-detect-virt(1) goes by, as far as
 * everybody may read them. A container in a virtual machine is a container.
 */
export function detectVirtualization(roots: HostRoots = hostRoots): System['virtualization'] {
  if (isContainer(roots)) return 'container'
  return isVirtualMachine(roots)
}

function isContainer({ root, proc }: HostRoots): boolean {
  if (readSystemFile(root, 'run/systemd/container')?.trim()) return true
  if (listSystemDirectory(root, 'run').includes('.containerenv')) return true
  if (listSystemDirectory(root).includes('.dockerenv')) return true
  // For root alone, or of its own user namespace
  if (/(^|\0)container=[^\0]/.test(readSystemFile(proc, '1/environ') ?? '')) return true
  if (/microsoft|wsl/i.test(readSystemFile(proc, 'sys/kernel/osrelease') ?? '')) return true
  const groups = readSystemFile(proc, '1/cgroup') ?? ''
  return /[/:](docker|lxc|lxc\.payload|libpod|kubepods|containerd|machine\.slice)\b/.test(groups)
}

function isVirtualMachine(roots: HostRoots): System['virtualization'] {
  const { proc, sys } = roots
  // Xen's first domain is the machine's own.
  const isFirst = readSystemFile(proc, 'xen/capabilities')?.includes('control_d') === true
  const cpuinfo = readSystemFile(proc, 'cpuinfo') ?? ''
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]
  if (isFirst) return 'none'
  if (flags !== undefined && /\bhypervisor\b/.test(flags)) return 'vm'
  if (readSystemFile(sys, 'hypervisor/type')?.trim()) return 'vm'
  const table = ['sys_vendor', 'board_vendor', 'bios_vendor', 'product_name', 'product_version']
    .map((file) => readSystemFile(sys, 'class/dmi/id', file)?.trim())
    .filter(Boolean)
    .join('; ')
  // Amazon rents out whole machines too.
  if (hypervisors.test(table) && !/\.metal\b/.test(table)) return 'vm'
  const tree = join(sys, 'firmware/devicetree/base')
  const board = readSystemFile(tree, 'model')
  if (listSystemDirectory(tree).includes('hypervisor') || /dummy-virt/.test(board ?? ''))
    return 'vm'
  return flags !== undefined || table !== '' || board !== undefined ? 'none' : undefined
}
