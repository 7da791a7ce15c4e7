import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'

/** The way from this machine to a host. */
export interface NetworkLink {
  /** "eth0"; undefined where it cannot be told. */
  readonly interface: string | undefined
  readonly isLoopback: boolean
  /** What the interface has negotiated; undefined for wireless, virtual and loopback ones. */
  readonly speedMbits: number | undefined
  /** The host's address. */
  readonly address: string
  /** Opening a TCP connection, which takes one round trip: the best of several, in milliseconds. */
  readonly connectMs: number
}

/**
 * Opens a few TCP connections, one after another, and tells what they went over.
 *
 * @throws the system's error when there is no connection
 */
export async function probeLink(to: { host: string; port: number }): Promise<NetworkLink> {
  let best = await openOnce(to)
  for (let again = 0; again < 4; again++) {
    const next = await openOnce(to)
    if (next.connectMs < best.connectMs) best = next
  }
  const name = interfaceOf(best.localAddress)
  return {
    interface: name?.name,
    isLoopback: name?.internal ?? false,
    speedMbits: name && !name.internal ? await speedOf(name.name) : undefined,
    address: best.address,
    connectMs: best.connectMs,
  }
}

/** True for addresses that are not on the Internet: this machine, a private network, a cable. */
export function isPrivateAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  return (
    /^(127|10)\./.test(plain) ||
    /^192\.168\./.test(plain) ||
    /^169\.254\./.test(plain) ||
    /^172\.(1[6-9]|2\d|3[01])\./.test(plain) ||
    /^(::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/.test(plain)
  )
}

interface Opened {
  readonly localAddress: string
  readonly address: string
  readonly connectMs: number
}

function openOnce({ host, port }: { host: string; port: number }): Promise<Opened> {
  return new Promise((resolve, reject) => {
    let start = performance.now()
    const socket = connect({ host, port })
    // Names are looked up once by a client, and asked for again by nobody.
    socket.once('lookup', () => {
      start = performance.now()
    })
    socket.setTimeout(10_000, () => socket.destroy(new Error('no connection within 10 s')))
    socket.once('error', reject)
    socket.once('connect', () => {
      const connectMs = performance.now() - start
      const { localAddress = '', remoteAddress: address = '' } = socket
      socket.destroy()
      resolve({ localAddress, address, connectMs })
    })
  })
}

function interfaceOf(localAddress: string): { name: string; internal: boolean } | undefined {
  const plain = localAddress.replace(/^::ffff:(?=\d+\.)/, '')
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    for (const { address, internal } of addresses ?? [])
      if (address === plain) return { name, internal }
  // The loopback takes all of 127/8.
  return /^127\./.test(plain) ? { name: 'lo', internal: true } : undefined
}

async function speedOf(name: string): Promise<number | undefined> {
  const text = await readFile(`/sys/class/net/${name}/speed`, 'utf8').catch(() => '')
  const speed = Number(text)
  return speed > 0 ? speed : undefined
}
