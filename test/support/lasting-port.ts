import { once } from 'node:events'
import { createServer } from 'node:net'

const first = 10_240
const end = 32_768

/**
 * A free port of 127.0.0.1 that can be listened on again after a pause. Those the system chooses
 * itself (32768 and up on Linux) cannot: any connection of another test may have taken them meanwhile.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (end - first))
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  const closed = once(server, 'close')
  server.close()
  await closed
  return true
}
