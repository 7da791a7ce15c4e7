import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { KiB, MiB } from '../../units.ts'

/** Writes as fast as it can to whoever connects; another thread, so that reading goes on beside it. */
const writer = `
const { createServer } = require('node:net')
const { parentPort } = require('node:worker_threads')
const block = Buffer.alloc(${256 * KiB})
const server = createServer({ highWaterMark: ${MiB} }, (socket) => {
  const fill = () => { while (socket.writable && socket.write(block)); }
  socket.on('drain', fill).on('error', () => {})
  fill()
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

/** Bits per second, in millions, that one connection over this machine's loopback carries. */
export async function measureLoopback(seconds: number): Promise<number> {
  const worker = new Worker(writer, { eval: true })
  try {
    const port = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject)
    })
    return await receive(port, seconds)
  } finally {
    await worker.terminate()
  }
}

function receive(port: number, seconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    const callback = (length: number) => {
      bytes += length
      return true
    }
    const onread = { buffer: Buffer.alloc(256 * KiB), callback }
    const start = performance.now()
    const socket = connect({ port, host: '127.0.0.1', onread })
    socket.once('error', reject)
    setTimeout(() => {
      socket.destroy()
      resolve((bytes * 8) / 1e6 / ((performance.now() - start) / 1000))
    }, seconds * 1000)
  })
}
