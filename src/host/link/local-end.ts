import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, realpathSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { LocalEnd } from '../../advice/link/reading.ts'
import { readSystemFile, type SystemRoots, systemRoots, wholeNumber } from '../system-files.ts'
import { readRoutes } from './routes.ts'

/**
 * Finds the interface this machine reaches an address over, and what it has negotiated.
 *
 * @throws the system's error when no route leads there
 */
export async function readLocalEnd(
  peerAddress: string,
  roots: SystemRoots = systemRoots,
): Promise<LocalEnd> {
  const own = await ownAddressTowards(peerAddress)
  const name = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ address }) => address === own),
  )?.[0]
  // What is sent to an address of this machine goes over no wire, whichever interface has it.
  const isLoopback = own === peerAddress || name === 'lo'
  return { interface: name, isLoopback, ...describe(name, roots) }
}

/** Damaged frames an interface has received since it came up. */
export function readDamagedFrames(
  name: string | undefined,
  roots: SystemRoots = systemRoots,
): number | undefined {
  if (name === undefined) return undefined
  const counts = ['rx_crc_errors', 'rx_frame_errors', 'rx_length_errors'].map((file) =>
    wholeNumber(readSystemFile(roots.sys, 'class/net', name, 'statistics', file)),
  )
  return counts.every((count) => count === undefined)
    ? undefined
    : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
}

/** The system chooses its own address when a socket is bound to another; nothing is sent. */
async function ownAddressTowards(peerAddress: string): Promise<string> {
  const socket = createSocket(isIPv6(peerAddress) ? 'udp6' : 'udp4')
  try {
    const connected = once(socket, 'connect')
    socket.connect(9, peerAddress)
    await connected
    return socket.address().address
  } finally {
    socket.close()
  }
}

function describe(name: string | undefined, roots: SystemRoots) {
  const read = (file: string) =>
    name === undefined ? undefined : readSystemFile(roots.sys, 'class/net', name, file)
  const duplex = read('duplex')?.trim()
  const folder = join(roots.sys, 'class/net', name ?? '')
  return {
    isWifi: existsSync(join(folder, 'wireless')) || existsSync(join(folder, 'phy80211')),
    hasDefaultRoute: readRoutes(roots).some(
      (route) => route.interface === name && route.network.prefixLength === 0,
    ),
    speedMbits: wholeNumber(read('speed')) || undefined,
    duplex: duplex === 'full' || duplex === 'half' ? duplex : undefined,
    mtuBytes: wholeNumber(read('mtu')),
    usbMbits: name === undefined ? undefined : usbSpeedOf(join(folder, 'device')),
  } as const
}

/** A card on USB tells its port's speed in the directory above its own. */
function usbSpeedOf(device: string): number | undefined {
  try {
    const path = realpathSync(device)
    return /\/usb\d+\//.test(path) ? wholeNumber(readSystemFile(path, '..', 'speed')) : undefined
  } catch {
    return undefined
  }
}
