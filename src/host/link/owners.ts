import { readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Owner } from '../../advice/link/owner.ts'
import {
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
} from '../system-files.ts'

/** Where programs that configure interfaces leave word of it. */
export interface OwnerRoots extends SystemRoots {
  readonly run: string
  readonly etc: string
}

export const ownerRoots: OwnerRoots = { ...systemRoots, run: '/run', etc: '/etc' }

/** Finds who configures an interface now, by what each of them leaves on the disk. */
export function readOwners(name: string, roots: OwnerRoots = ownerRoots): Owner[] {
  const index = readSystemFile(roots.sys, 'class/net', name, 'ifindex')?.trim() ?? ''
  return [
    bridgeOf(name, roots),
    networkManagerOf(index, roots),
    networkdOf(index, roots),
    dhcpcdOf(name, roots),
    ifupdownOf(name, roots),
  ].filter((owner) => owner !== undefined)
}

function bridgeOf(name: string, { sys }: OwnerRoots): Owner | undefined {
  try {
    return { name: 'bridge', with: basename(readlinkSync(join(sys, 'class/net', name, 'master'))) }
  } catch {
    return undefined
  }
}

/** NetworkManager writes a file for each device it knows, managed or not. */
function networkManagerOf(index: string, { run }: OwnerRoots): Owner | undefined {
  const state = readSystemFile(run, 'NetworkManager/devices', index)
  if (index === '' || state === undefined || !/^managed=(true|1)$/m.test(state)) return undefined
  return { name: 'NetworkManager', with: /^connection-uuid=(.+)$/m.exec(state)?.[1] }
}

function networkdOf(index: string, { run }: OwnerRoots): Owner | undefined {
  const state = readSystemFile(run, 'systemd/netif/links', index)
  const file = /^NETWORK_FILE=(.+)$/m.exec(state ?? '')?.[1]
  return file === undefined ? undefined : { name: 'systemd-networkd', with: file }
}

/** One dhcpcd for all interfaces, or one for this. */
function dhcpcdOf(name: string, { run, etc }: OwnerRoots): Owner | undefined {
  const config = readSystemFile(etc, 'dhcpcd.conf') ?? ''
  const isDenied = [...config.matchAll(/^\s*denyinterfaces\s+(.+)$/gm)].some(([, names = '']) =>
    names
      .trim()
      .split(/[\s,]+/)
      .includes(name),
  )
  const files = ['dhcpcd', '.'].flatMap((folder) => listSystemDirectory(run, folder))
  const isThere = files.some((file) =>
    ['pid', 'master.pid', 'dhcpcd.pid', `${name}.pid`, `dhcpcd-${name}.pid`].includes(file),
  )
  return isThere && !isDenied ? { name: 'dhcpcd', with: undefined } : undefined
}

function ifupdownOf(name: string, { etc }: OwnerRoots): Owner | undefined {
  const files = [
    'network/interfaces',
    ...listSystemDirectory(etc, 'network/interfaces.d').map(
      (file) => `network/interfaces.d/${file}`,
    ),
  ]
  const file = files.find((file) => {
    const text = readSystemFile(etc, file) ?? ''
    return [...text.matchAll(/^\s*iface\s+(\S+)\s/gm)].some(([, iface]) => iface === name)
  })
  return file === undefined ? undefined : { name: 'ifupdown', with: `/etc/${file}` }
}
