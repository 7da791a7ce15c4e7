import { once } from 'node:events'
import { createServer } from 'node:net'

const first = 10_240
const end = 32_768
/** More test processes than run at once on any machine. */
const shares = 64
const portsEach = Math.floor((end - first) / shares)

/**
 * Vitest numbers the processes that run at the same time. Each takes ports of a share of its own: one
 * that is free now must not be taken by another test before whoever asked for it listens there.
 */
const share = (Number(process.env.VITEST_POOL_ID ?? 1) - 1) % shares
let next = Math.floor(Math.random() * portsEach)

/**
 * A free port of 127.0.0.1 that can be listened on again after a pause. Those the system chooses
 * itself (32768 and up on Linux) cannot: any connection of another test may have taken them meanwhile.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    // one after the other, so that nobody else here gets it soon
    const port = first + share * portsEach + next
    next = (next + 1) % portsEach
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
