import { connect } from 'node:net'
import { expect } from 'vitest'
import { faultTest } from '../support/fault-stage.ts'

const clients = 1000
const closedWithinMs = 20_000

const heads: readonly string[] = [
  '',
  'GET / HT',
  'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a',
  'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Slow: a',
]

faultTest(
  `C6: ${clients} clients that send their heads a byte at a time are closed within 20 s, others served`,
  { timeout: 180_000 },
  async (stage) => {
    const { narwhal } = stage
    await stage.nar()
    let open = 0
    const sockets = Array.from({ length: clients }, (_, at) => {
      const socket = connect(narwhal.port, '127.0.0.1')
      open += 1
      socket.on('connect', () => socket.write(heads[at % heads.length] ?? ''))
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open -= 1
      })
      return socket.resume()
    })
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('a')
    }, 1000)
    expect((await stage.nar()).status).toBe(200)
    await expect.poll(() => open, { timeout: closedWithinMs, interval: 250 }).toBe(0)
    clearInterval(drip)
    expect((await stage.nar()).status).toBe(200)
  },
)
