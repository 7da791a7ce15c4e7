import { realpathSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { basename, join } from 'node:path'
import type { Link } from '../advice/machine.ts'
import {
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
  wholeNumber,
} from './system-files.ts'

/** Addresses of each interface, with prefix length; os.networkInterfaces() as far as it is needed. */
export type InterfaceAddresses = Readonly<
  Record<string, readonly { readonly cidr: string | null }[] | undefined>
>

/** Cards that a hypervisor makes up. */
const virtualDrivers = /^(virtio_net|xen_netfront|vif|hv_netvsc|vmxnet3|ena|gve|netvsc)$/

/**
 * Reads the network interfaces: first the one the default route goes over, then those that are up and
 * have an address. The loopback is none, nor is what programs made up and nobody uses.
 */
export function readLinks(
  roots: SystemRoots = systemRoots,
  addresses: InterfaceAddresses = networkInterfaces(),
): Link[] {
  const routes = defaultRoutes(roots)
  return listSystemDirectory(roots.sys, 'class/net')
    .filter((name) => wholeNumber(readSystemFile(roots.sys, 'class/net', name, 'type')) === 1)
    .map((name) => {
      const cidrs = (addresses[name] ?? []).flatMap(({ cidr }) => cidr ?? [])
      return { ...readLink(name, roots), hasDefaultRoute: routes.has(name), addresses: cidrs }
    })
    .filter(
      ({ name, addresses, hasDefaultRoute }) =>
        hasDefaultRoute || addresses.length > 0 || isHardware(name, roots),
    )
    .sort((a, b) => order(a, routes) - order(b, routes) || a.name.localeCompare(b.name))
}

function order(link: Link, routes: ReadonlyMap<string, number>): number {
  const metric = routes.get(link.name)
  // Metrics have 32 bits.
  if (metric !== undefined) return metric
  return 2 ** 33 + (link.isUp ? 0 : 2) + (link.addresses.length > 0 ? 0 : 1)
}

type LinkFacts = Omit<Link, 'hasDefaultRoute' | 'addresses'>

function readLink(name: string, roots: SystemRoots): LinkFacts {
  const read = (file: string) => readSystemFile(roots.sys, 'class/net', name, file)?.trim()
  // A bridge, a bond or a VLAN is what it goes out by; of several ports the fastest counts.
  const lower = listSystemDirectory(roots.sys, 'class/net', name)
    .filter((file) => file.startsWith('lower_'))
    .map((file) => readLink(file.slice('lower_'.length), roots))
    .filter(({ kind }) => kind !== 'virtual')
    .sort((a, b) => (b.bitsPerSecond ?? 0) - (a.bitsPerSecond ?? 0))
  const [port] = lower
  const isMixed = lower.some(({ kind }) => kind !== port?.kind)
  const driver = driverOf(name, roots)
  const kind = (isMixed ? undefined : port?.kind) ?? kindOf(name, { driver, roots })
  // -1, or an error to read: it does not say; wireless ones never do, and made up ones make it up
  const megabits = kind === 'virtual' ? undefined : wholeNumber(read('speed'))
  const duplex = kind === 'virtual' ? undefined : read('duplex')
  return {
    name,
    kind,
    bitsPerSecond: megabits ? megabits * 1e6 : port?.bitsPerSecond,
    duplex: duplex === 'full' || duplex === 'half' ? duplex : port?.duplex,
    driver: driver ?? port?.driver,
    mtu: wholeNumber(read('mtu')),
    isUp: isUp(read),
  }
}

function kindOf(
  name: string,
  { driver, roots }: { driver: string | undefined; roots: SystemRoots },
): Link['kind'] {
  const files = listSystemDirectory(roots.sys, 'class/net', name)
  if (files.includes('phy80211') || files.includes('wireless')) return 'wifi'
  if (!files.includes('device') || virtualDrivers.test(driver ?? '')) return 'virtual'
  return 'ethernet'
}

function isHardware(name: string, roots: SystemRoots): boolean {
  return listSystemDirectory(roots.sys, 'class/net', name).includes('device')
}

function driverOf(name: string, roots: SystemRoots): string | undefined {
  try {
    return basename(realpathSync(join(roots.sys, 'class/net', name, 'device/driver')))
  } catch {
    return undefined
  }
}

/** RFC 2863's states; drivers that know none say "unknown", and have a carrier or not. */
function isUp(read: (file: string) => string | undefined): boolean | undefined {
  const state = read('operstate')
  if (state === 'up') return true
  if (state !== undefined && state !== 'unknown') return false
  const carrier = read('carrier')
  return carrier === undefined ? undefined : carrier === '1'
}

/** The least metric of the default routes over each interface, of IPv4 first. */
function defaultRoutes(roots: SystemRoots): Map<string, number> {
  const metrics = new Map<string, number>()
  const note = (name: string, metric: number) => {
    metrics.set(name, Math.min(metric, metrics.get(name) ?? Number.POSITIVE_INFINITY))
  }
  // Iface Destination Gateway Flags RefCnt Use Metric Mask …, in hexadecimal but for the metric
  const v4 = readSystemFile(roots.proc, 'net/route') ?? ''
  for (const [, name = '', metric] of v4.matchAll(
    /^(\S+)\s+0{8}\s+\S+\s+\S+\s+\d+\s+\d+\s+(\d+)\s+0{8}\s/gm,
  ))
    note(name, Number(metric))
  // destination prefix source prefix next-hop metric refs uses flags name
  const v6 = readSystemFile(roots.proc, 'net/ipv6_route') ?? ''
  // The kernel's own entry for "no route" is on the loopback.
  for (const [, metric = '', name = ''] of v6.matchAll(
    /^0{32} 00 \S+ \S+ \S+ ([0-9a-f]{8}) \S+ \S+ \S+\s+(\S+)$/gm,
  ))
    if (name !== 'lo') note(name, Number.parseInt(metric, 16))
  return metrics
}
