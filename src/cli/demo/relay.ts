import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Line } from './line.ts'

/** The way from a server to its clients: what the server sends goes over a line. */
export interface Relay extends AsyncDisposable {
  readonly url: string
}

/** Puts `line` before the server at `url`, on a free port of the loopback interface. */
export async function startRelay(url: string, line: Line): Promise<Relay> {
  const target = new URL(url)
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, async (client) => {
    const server = connect({ host: target.hostname, port: Number(target.port), noDelay: true })
    const ends = [client, server]
    for (const end of ends) open.add(end)
    try {
      await Promise.all([
        pipeline(client, server),
        pipeline(server, (bytes) => line.carry(bytes), client),
      ])
    } catch {
      // One end has left, so the other has nobody to talk to.
    }
    for (const end of ends) {
      end.destroy()
      open.delete(end)
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const end of open) end.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}
