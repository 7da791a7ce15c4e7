import { connect, type Socket } from 'node:net'
import { headEnd, headerOf, parseHead } from './http-head.ts'

/** How one member of a crowd fared. */
export interface Fate {
  /** 0 where no whole head came */
  readonly status: number
  /** true where the body came whole by its length and is the right one */
  readonly isRight: boolean
  readonly receivedBytes: number
}

export interface CrowdMember {
  readonly fate: Promise<Fate>
  readonly receivedBytes: number
  /** hangs up, with a reset */
  leave(): void
}

export interface MemberOptions {
  /** reads no faster than this, and with 0 nothing at all; default: as fast as it comes */
  readonly bytesPerSecond?: number
  /** between one read and the next, in milliseconds; default 1000 */
  readonly everyMs?: number
}

/**
 * One of many clients at once: reads a file and holds it against the right bytes as they come, so
 * that a thousand of them need no memory of their own.
 */
export function joinCrowd(
  port: number,
  path: string,
  right: Uint8Array,
  { bytesPerSecond, everyMs = 1000 }: MemberOptions = {},
): CrowdMember {
  const truth = Buffer.from(right.buffer, right.byteOffset, right.length)
  const socket = connect(port, '127.0.0.1')
  let head = Buffer.alloc(0)
  let status = 0
  let announced: number | undefined
  let received = 0
  let isRight = true
  const { promise, resolve } = Promise.withResolvers<Fate>()
  socket.on('connect', () =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
  )
  const takeBody = (bytes: Buffer) => {
    isRight &&= truth.subarray(received, received + bytes.length).equals(bytes)
    received += bytes.length
  }
  const take = (data: Buffer) => {
    if (status !== 0) return takeBody(data)
    head = Buffer.concat([head, data])
    const end = headEnd(head)
    if (end === undefined) return
    const { startLine, headers } = parseHead(head.subarray(0, end))
    status = Number(startLine.split(' ')[1])
    announced = Number(headerOf(headers, 'content-length'))
    takeBody(head.subarray(end))
  }
  if (bytesPerSecond === undefined) socket.on('data', take)
  else if (bytesPerSecond > 0) readSlowly(socket, { bytesPerSecond, everyMs }, take)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    const isWhole = status === 200 && received === announced && received === truth.length
    resolve({ status, isRight: isWhole && isRight, receivedBytes: received })
  })
  return {
    fate: promise,
    get receivedBytes() {
      return received
    },
    leave: () => socket.resetAndDestroy(),
  }
}

/** Takes a little every now and then, and leaves the rest in the kernel. */
function readSlowly(
  socket: Socket,
  { bytesPerSecond, everyMs }: Required<MemberOptions>,
  take: (data: Buffer) => void,
): void {
  const most = Math.ceil((bytesPerSecond * everyMs) / 1000)
  let due = 0
  const takeWhatIsDue = () => {
    while (due > 0) {
      const data: Buffer | null = socket.read(Math.min(due, socket.readableLength || 1))
      if (data === null) return
      due -= data.length
      take(data)
    }
  }
  const timer = setInterval(() => {
    due = most
    takeWhatIsDue()
  }, everyMs)
  socket.on('readable', takeWhatIsDue)
  // a paused socket would not notice that the other end is gone
  socket.on('end', () => socket.destroy())
  socket.on('close', () => clearInterval(timer))
}
