import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { seededRandom } from '../../src/cli/demo/random.ts'
import { MiB } from '../../src/units.ts'
import { atTestEnd } from './at-test-end.ts'

/** What TCP waits, at least, before it sends a lost packet again. */
const retransmitMs = 200
const maxQueuedBytes = 4 * MiB

export interface RelayOptions {
  /** port on this machine that it stands before */
  readonly to: number
  /** one way, in milliseconds; default 0 */
  delayMs?: number
  /** share of the packets that are lost once, 0 to 1; default 0 */
  lossShare?: number
  readonly seed?: string
}

/** A line between client and server that is long, loses packets, or breaks. */
export interface TcpRelay extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly connections: number
  /** as in the options; may be changed at any time */
  delayMs: number
  lossShare: number
  /** resets every connection; new ones are taken again */
  cut(): void
}

/**
 * Carries bytes both ways, late. A lost packet shows as TCP shows it: everything behind it waits for
 * the retransmission. Needed because not every kernel has `tc netem`.
 */
export async function startTcpRelay(options: RelayOptions): Promise<TcpRelay> {
  const random = seededRandom(options.seed ?? 'relay')
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ port: options.to, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const pair = [near, far] as const
    pairs.add(pair)
    carry(near, far)
    carry(far, near)
    for (const socket of pair) {
      socket.on('error', () => undefined)
      socket.on('close', (hadError) => {
        pairs.delete(pair)
        const peer = socket === near ? far : near
        if (hadError) peer.resetAndDestroy()
        else if (!peer.writableEnded) peer.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const relay: TcpRelay = {
    url: `http://127.0.0.1:${port}`,
    port,
    get connections() {
      return pairs.size
    },
    delayMs: options.delayMs ?? 0,
    lossShare: options.lossShare ?? 0,
    cut() {
      for (const [near, far] of pairs) {
        near.resetAndDestroy()
        far.resetAndDestroy()
      }
    },
    async [Symbol.asyncDispose]() {
      relay.cut()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
  atTestEnd(async () => await relay[Symbol.asyncDispose]())
  return relay

  function carry(from: Socket, to: Socket): void {
    const queue: (Buffer | 'end')[] = []
    let queuedBytes = 0
    let dueAt = 0
    const send = (item: Buffer | 'end') => {
      const bytes = item === 'end' ? 0 : item.length
      const isLost = random.fraction() < relay.lossShare
      dueAt = Math.max(dueAt, performance.now() + relay.delayMs + (isLost ? retransmitMs : 0))
      queue.push(item)
      queuedBytes += bytes
      if (queuedBytes > maxQueuedBytes) from.pause()
      // each timer delivers the oldest, whichever timer it is: a stream keeps its order
      setTimeout(deliver, dueAt - performance.now())
    }
    const deliver = () => {
      const item = queue.shift()
      if (item === undefined || !to.writable) return
      if (item === 'end') to.end()
      else {
        queuedBytes -= item.length
        if (to.write(item) && queuedBytes <= maxQueuedBytes) from.resume()
        else from.pause()
      }
    }
    to.on('drain', () => from.resume())
    from.on('data', send)
    from.on('end', () => send('end'))
  }
}
