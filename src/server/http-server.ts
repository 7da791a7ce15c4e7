import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AppError, messageOf } from '../errors.ts'
import { KiB } from '../units.ts'

const maxHeaderBytes = 16 * KiB
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000
/** Longer than clients and proxies in front keep theirs, so that they close first. */
const keepAliveTimeoutMs = 75_000
const checkTimeoutsEveryMs = 5_000

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Makes an HTTP server that stands up to strangers: bounded headers, times and connections. */
export function httpServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  options: { readonly maxClients: number },
): Server {
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: checkTimeoutsEveryMs,
      noDelay: true,
    },
    handle,
  )
  server.maxConnections = options.maxClients
  // Without a listener Node hangs up on CONNECT without a word.
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n')
  })
  return server
}

/**
 * Starts listening.
 *
 * @returns the address as a URL, with the port the system chose where `port` is 0
 * @throws AppError CANNOT_LISTEN
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const onError = (cause: Error) =>
      reject(
        new AppError('CANNOT_LISTEN', `cannot listen on ${urlOf(address)}: ${messageOf(cause)}`, {
          cause,
        }),
      )
    server.once('error', onError)
    server.listen(address, () => {
      server.off('error', onError)
      resolve()
    })
  })
  const bound = server.address()
  const port = typeof bound === 'object' && bound ? bound.port : address.port
  return urlOf({ host: address.host, port })
}

function urlOf({ host, port }: ListenAddress): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
