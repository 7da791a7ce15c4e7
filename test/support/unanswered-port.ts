import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { atTestEnd } from './at-test-end.ts'

/** A port that does not answer: neither a connection nor a refusal comes. */
export interface UnansweredPort {
  readonly url: string
}

/** How long an attempt on this machine must hang before nobody is taken to answer it. */
const hangsMs = 300
/** With room for one, two connections are taken; a kernel may round up. */
const mostHeld = 16

/**
 * A black hole: a socket that listens, accepts nobody, and has no room for more to wait. Linux drops
 * every further SYN then, as a firewall would, and the client's kernel sends it again and again.
 *
 * @throws Error where this kernel answers all the same
 */
export async function startUnansweredPort(): Promise<UnansweredPort> {
  // Node accepts by itself as soon as it listens
  const listener = spawn('perl', [join(import.meta.dirname, 'deaf-listener.pl')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const held: Socket[] = []
  atTestEnd(() => {
    for (const socket of held) socket.destroy()
    listener.kill('SIGKILL')
  })
  const port = await portOf(listener)
  while (held.length < mostHeld) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    held.push(socket)
    if (!(await isTaken(socket))) return { url: `http://127.0.0.1:${port}` }
  }
  throw new Error(`port ${port} still answers after ${mostHeld} connections nobody accepted`)
}

/** A machine that stood still for as long says so late: what has happened by then is looked at last. */
async function isTaken(socket: Socket): Promise<boolean> {
  const over = new AbortController()
  const connected = once(socket, 'connect', { signal: over.signal }).catch(() => undefined)
  await Promise.race([connected, wait(hangsMs, undefined, { signal: over.signal })])
  if (socket.connecting) await new Promise(setImmediate)
  over.abort()
  return !socket.connecting
}

async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (!stdout) throw new Error('no stdout')
  const [line] = await once(stdout.setEncoding('utf8'), 'data')
  return Number(line)
}
