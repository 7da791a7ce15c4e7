import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AppError, messageOf } from '../errors.ts'
import { KiB } from '../units.ts'
import { inTurn } from './in-turn.ts'
import { cutAtStandstill } from './standstill.ts'

const maxHeaderBytes = 16 * KiB
const headersTimeoutMs = 10_000
/** Longer than clients and proxies in front keep theirs, so that they close first. */
const keepAliveTimeoutMs = 75_000
const checkTimeoutsEveryMs = 5_000
/** How long who asked for a tunnel may leave the connection half open once he has been answered. */
const connectLingerMs = 2_000

/** Connections that may wait to be accepted; the kernel's own limit is often lower. */
const backlog = 4096

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** A socket that listens already, handed down by who started this process. */
export interface InheritedSocket {
  readonly fd: number
}

/** Makes an HTTP server that stands up to strangers: bounded headers and times. */
export function httpServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const answering = inTurn((request, response) => {
    // Nobody reads a body that is no upload: nor waits for its end.
    if (request.method !== 'PUT' && hasBody(request)) response.shouldKeepAlive = false
    handle(request, response)
  })
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      // Uploads take as long as they take; who sends them too slowly is cut off by who reads them.
      requestTimeout: 0,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: checkTimeoutsEveryMs,
      noDelay: true,
    },
    answering,
  )
  // Else Node would ask for every body by itself, also of those who may send none.
  server.on('checkContinue', answering)
  cutAtStandstill(server)
  // Without a listener Node hangs up on CONNECT without a word.
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n')
    // Closed over bytes that nobody has read, it would lose the answer.
    socket.resume()
    const lingering = setTimeout(() => socket.destroy(), connectLingerMs).unref()
    socket.once('close', () => clearTimeout(lingering))
  })
  return server
}

function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return coding !== undefined || (length !== undefined && length !== '0')
}

/**
 * Starts listening.
 *
 * @returns the address as a URL, with the port the system chose where `port` is 0; the path of a
 *   Unix socket as "unix:…"
 * @throws AppError CANNOT_LISTEN
 */
export async function listen(
  server: Server,
  place: ListenAddress | InheritedSocket,
): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const onError = (cause: Error) => {
      const where = 'fd' in place ? `the inherited socket ${place.fd}` : urlOf(place)
      const message = `cannot listen on ${where}: ${messageOf(cause)}`
      reject(new AppError('CANNOT_LISTEN', message, { cause }))
    }
    server.once('error', onError)
    const onListening = () => {
      server.off('error', onError)
      resolve()
    }
    if ('fd' in place) server.listen(place, backlog, onListening)
    else server.listen({ ...place, backlog }, onListening)
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return `unix:${bound ?? ''}`
  const host = 'fd' in place ? bound.address : place.host
  return urlOf({ host, port: bound.port })
}

function urlOf({ host, port }: ListenAddress): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
