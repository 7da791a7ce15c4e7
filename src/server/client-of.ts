import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Client } from '../policy/intent.ts'
import type { Prefetch } from '../proxy/prefetch.ts'

interface Seen {
  readonly client: Client
  readonly authorization: string | undefined
}

/** Per connection, as each asks for hundreds of narinfos. */
const seen = new WeakMap<Socket, Seen>()

/**
 * Tells which client asks: its address, and who it says it is. Several behind one address are one.
 *
 * @returns undefined for a proxy that fetches ahead: what it asks for is no client's wish
 */
export function clientOf(request: IncomingMessage, prefetch: Prefetch): Client | undefined {
  const { socket, headers } = request
  if (headers['sec-purpose']?.includes('prefetch')) return undefined
  const { authorization } = headers
  const known = seen.get(socket)
  if (known && known.authorization === authorization && !known.client.isForgotten)
    return known.client
  const client = prefetch.clientOf(clientKey(socket.remoteAddress, authorization))
  seen.set(socket, { client, authorization })
  return client
}

/** @param address undefined on a Unix socket */
export function clientKey(address = 'local', authorization?: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (authorization === undefined) return plain
  // The secret itself has no business in memory.
  return `${plain} ${createHash('sha256').update(authorization).digest('base64')}`
}
