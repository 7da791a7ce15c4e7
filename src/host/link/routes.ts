import type { Route } from '../../advice/link/subnet.ts'
import { readSystemFile, type SystemRoots, systemRoots } from '../system-files.ts'

const flagUp = 0x1
const flagReject = 0x200

/**
 * Reads the main routing table of IPv4 from proc(5) net/route. What other tables hold, as those of
 * WireGuard, is not seen.
 */
export function readRoutes(roots: SystemRoots = systemRoots): Route[] {
  const text = readSystemFile(roots.proc, 'net/route') ?? ''
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name = '', destination = '', , flags = '', , , , mask = ''] = line.trim().split(/\s+/)
      const isUsed = Number.parseInt(flags, 16) & flagUp
      if (!isUsed || Number.parseInt(flags, 16) & flagReject) return []
      const prefixLength = [...bytesOf(mask)].reduce((sum, byte) => sum + bitsOf(byte), 0)
      const first = bytesOf(destination).reduce((sum, byte) => sum * 256 + byte, 0)
      return [{ interface: name, network: { first, prefixLength } }]
    })
}

/** The kernel writes an address as one number of this machine's byte order. */
function bytesOf(hex: string): number[] {
  const bytes = Buffer.from(hex.padStart(8, '0'), 'hex')
  return [...(isLittleEndian ? bytes.reverse() : bytes)]
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

function bitsOf(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length
}
