import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { DirectionReading } from '../../advice/link/reading.ts'
import { AppError } from '../../errors.ts'
import { KiB } from '../../units.ts'
import { formatOrder, type Order, parseTally, zeros } from './transfer.ts'

const silenceMs = 10_000
/** More than a tally has. */
const tailBytes = 500

/**
 * Sends bytes to a `startTransferServer`, or takes them from it, for some seconds. What counts is what
 * the receiver has.
 *
 * @throws AppError LINK_SILENT when it does not answer as one
 */
export async function measureTransfer(
  to: { readonly address: string; readonly port: number },
  order: Order,
  signal: AbortSignal,
): Promise<DirectionReading> {
  const socket = connect({ host: to.address, port: to.port })
  const fault = `${to.address}:${to.port} does not answer as "narwhal direct-network --validate --listen" does`
  socket.setTimeout(silenceMs, () => socket.destroy(new Error('it fell silent')))
  // With an error: whoever waits for an event of the socket is told.
  const hangUp = () => socket.destroy(new Error('interrupted'))
  signal.addEventListener('abort', hangUp)
  try {
    await once(socket, 'connect')
    socket.write(formatOrder(order))
    const reading = await (order.direction === 'send'
      ? send(socket, order.seconds)
      : receive(socket))
    signal.throwIfAborted()
    if (reading === undefined) throw new AppError('LINK_SILENT', fault)
    return reading
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AppError) throw cause
    throw new AppError('LINK_SILENT', fault, { cause })
  } finally {
    signal.removeEventListener('abort', hangUp)
    socket.destroy()
  }
}

async function send(socket: Socket, seconds: number): Promise<DirectionReading | undefined> {
  let text = ''
  const ended = once(socket, 'end')
  // It is waited for at last; until then another wait is told of an error first.
  ended.catch(() => undefined)
  const go = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.includes('\n')) resolve()
    })
  })
  await Promise.race([go, ended])
  if (text !== 'go\n') return undefined
  const cpu = process.cpuUsage()
  const start = performance.now()
  const block = zeros(256 * KiB)
  while (performance.now() - start < seconds * 1000)
    if (!socket.write(block)) await once(socket, 'drain')
  socket.end()
  await ended
  const { user, system } = process.cpuUsage(cpu)
  const ownCpuShare = (user + system) / 1e3 / (performance.now() - start)
  const tally = parseTally(text.slice('go\n'.length))
  if (tally === undefined || tally.seconds <= 0) return undefined
  return { mbits: megabits(tally.bytes, tally.seconds), ownCpuShare, peerCpuShare: tally.cpuShare }
}

async function receive(socket: Socket): Promise<DirectionReading | undefined> {
  let bytes = 0
  let tail: Buffer = Buffer.alloc(0)
  const start = performance.now()
  let last = start
  const cpu = process.cpuUsage()
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    last = performance.now()
    tail = chunk.length >= tailBytes ? chunk.subarray(-tailBytes) : Buffer.concat([tail, chunk])
    tail = tail.subarray(-tailBytes)
  })
  await once(socket, 'end')
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (last - start) / 1000
  const tally = parseTally(tail.subarray(tail.lastIndexOf(0) + 1).toString('latin1'))
  if (tally === undefined || seconds <= 0) return undefined
  const ownCpuShare = (user + system) / 1e6 / seconds
  return { mbits: megabits(bytes, seconds), ownCpuShare, peerCpuShare: tally.cpuShare }
}

function megabits(bytes: number, seconds: number): number {
  return (bytes * 8) / 1e6 / seconds
}
