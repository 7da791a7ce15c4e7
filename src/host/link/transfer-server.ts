import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { KiB, MiB } from '../../units.ts'
import { isPrivateAddress } from '../network-link.ts'
import { formatTally, parseOrder, type Tally, zeros } from './transfer.ts'

const orderTimeoutMs = 5000
const maxSeconds = 30
/** A transfer that says nothing for so long has lost its other end. */
const silenceMs = 10_000

export interface TransferServer extends AsyncDisposable {
  readonly port: number
  /** transfers that have come to their end */
  readonly transfers: number
}

/**
 * Takes bytes from whoever sends them, and sends bytes to whoever asks: the other end of
 * `measureTransfer`. One transfer at a time, at most 30 seconds each, and only for private addresses.
 *
 * @throws the system's error when it cannot listen there
 */
export async function startTransferServer(
  at: { readonly address: string; readonly port: number },
  onTransfer: (peer: string, tally: Tally, isSending: boolean) => void,
): Promise<TransferServer> {
  let busyWith: Socket | undefined
  let transfers = 0
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, highWaterMark: MiB }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    const peer = socket.remoteAddress ?? ''
    if (!isPrivateAddress(peer)) return socket.destroy()
    socket.setTimeout(orderTimeoutMs, () => socket.destroy())
    socket.once('data', (chunk: Buffer) => {
      const order = parseOrder(chunk.toString('latin1'))
      if (order === undefined || order.seconds > maxSeconds) return socket.end('what?\n')
      if (busyWith) return socket.end('busy\n')
      busyWith = socket
      const rest = () => {
        if (busyWith === socket) busyWith = undefined
      }
      socket.on('close', rest)
      socket.setTimeout(silenceMs)
      const isSending = order.direction === 'receive'
      const done = (tally: Tally) => {
        rest()
        transfers += 1
        onTransfer(peer, tally, isSending)
      }
      if (isSending) sendFor(socket, order.seconds, done)
      else receiveAll(socket, done)
      return undefined
    })
    return undefined
  })
  await listen(server, at)
  return {
    port: (server.address() as { port: number }).port,
    get transfers() {
      return transfers
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function listen(server: Server, { address, port }: { address: string; port: number }) {
  server.listen(port, address)
  await once(server, 'listening')
}

/** The other end has what was sent only once it has read it: it is told how much that was. */
function receiveAll(socket: Socket, done: (tally: Tally) => void): void {
  let bytes = 0
  const start = performance.now()
  const cpu = process.cpuUsage()
  let last = start
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    last = performance.now()
  })
  socket.on('end', () => {
    const tally = tallyOf(bytes, (last - start) / 1000, process.cpuUsage(cpu))
    socket.end(formatTally(tally))
    done(tally)
  })
  socket.write('go\n')
}

function sendFor(socket: Socket, seconds: number, done: (tally: Tally) => void): void {
  const block = zeros(256 * KiB)
  const start = performance.now()
  const cpu = process.cpuUsage()
  let bytes = 0
  const fill = () => {
    while (performance.now() - start < seconds * 1000) {
      bytes += block.length
      if (!socket.write(block)) return
    }
    socket.off('drain', fill)
    const tally = tallyOf(bytes, (performance.now() - start) / 1000, process.cpuUsage(cpu))
    socket.end(formatTally(tally))
    done(tally)
  }
  socket.on('drain', fill)
  fill()
}

function tallyOf(bytes: number, seconds: number, cpu: NodeJS.CpuUsage): Tally {
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  return { bytes, seconds, cpuShare: seconds > 0 ? cpuSeconds / seconds : 0 }
}
