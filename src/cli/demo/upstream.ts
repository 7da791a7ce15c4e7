import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Line } from './line.ts'

/** A binary cache that is far away: a directory over HTTP, with a wait before each answer, and slow. */
export interface DemoUpstream extends AsyncDisposable {
  readonly url: string
  /** Requests seen since it started. */
  requests(): number
}

export interface Distance {
  /** Wait before each answer, as a round trip to a distant server would take. */
  readonly delayMs: number
  /** All answers go over it. */
  readonly line: Line
}

const servedPath = /^\/(?:nix-cache-info|[0-9a-z]{32}\.narinfo|nar\/[0-9a-z.]+)$/

/** Serves the binary cache in `directory` on a free port of the loopback interface. */
export async function startUpstream(
  directory: string,
  { delayMs, line }: Distance,
): Promise<DemoUpstream> {
  let requests = 0
  const server = createServer(async (request, response) => {
    requests += 1
    await delay(delayMs)
    const path = request.url ?? ''
    try {
      if (servedPath.test(path)) await sendFile(join(directory, path), { request, response, line })
      else response.writeHead(404).end()
    } catch {
      response.destroy() // the client went away, or the file did
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

async function sendFile(path: string, { request, response, line }: Exchange): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  )
  if (size === undefined) return void response.writeHead(404).end()
  response.writeHead(200, { 'content-length': size })
  if (request.method === 'HEAD') return void response.end()
  await pipeline(createReadStream(path), (bytes) => line.carry(bytes), response)
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly line: Line
}
