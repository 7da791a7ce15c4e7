import type { System } from '../advice/machine.ts'
import { type HostRoots, hostRoots } from './host-roots.ts'
import { readSystemFile } from './system-files.ts'

/** Reads os-release(5) and the kernel's version. */
export function readOperatingSystem({
  root,
  proc,
}: HostRoots = hostRoots): Pick<System, 'distribution' | 'isNixos' | 'kernel'> {
  const text =
    readSystemFile(root, 'etc/os-release') ?? readSystemFile(root, 'usr/lib/os-release') ?? ''
  const value = (name: string) => {
    const found = new RegExp(`^${name}=(["']?)(.*)\\1$`, 'm').exec(text)?.[2]
    return found?.replace(/\\(.)/g, '$1') || undefined
  }
  return {
    distribution: value('PRETTY_NAME') ?? value('NAME'),
    isNixos: value('ID') === 'nixos',
    kernel: readSystemFile(proc, 'sys/kernel/osrelease')?.trim() || undefined,
  }
}
