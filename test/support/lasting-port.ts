import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

const first = 10_240
const end = 32_768
/** Ports this process may have claimed at a time: each takes a descriptor. */
const mostClaims = 200
const claims: Server[] = []

/**
 * A free port of 127.0.0.1 that can be listened on again after a pause, and that no other test takes.
 * Those the system chooses itself (32768 and up on Linux) cannot: any connection of another test may
 * have taken them meanwhile.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (end - first))
    if ((await claim(port)) && (await isFree(port))) return port
  }
}

/**
 * Keeps a port from the other test processes while nobody listens there: by a socket that has only a
 * name, which Linux lets one process have, until its end.
 */
async function claim(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const server = await listening(`\0narwhal-test-port-${port}`)
  if (!server) return false
  claims.push(server.unref())
  if (claims.length > mostClaims) claims.shift()?.close()
  return true
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening({ port, host: '127.0.0.1' })
  if (!server) return false
  const closed = once(server, 'close')
  server.close()
  await closed
  return true
}

/** @returns undefined where the place is taken */
async function listening(
  place: string | { port: number; host: string },
): Promise<Server | undefined> {
  const server = createServer()
  const path = typeof place === 'string' ? { path: place } : place
  server.listen(path)
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}
