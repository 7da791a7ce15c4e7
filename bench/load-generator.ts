/**
 * Asks for paths in turn, on several connections, each as soon as the answer before has come, and
 * throws the bytes away. A process of its own, to be kept on its own core. Bare sockets with one
 * reused buffer each cost so little that the server is what is measured: autocannon reaches its
 * limit before nginx and narwhal do. Takes a Load as JSON in its argument, writes a LoadResult.
 */
import { connect } from 'node:net'
import { KiB } from '../src/units.ts'
import type { Load, LoadResult } from './load.ts'

const load: Load = JSON.parse(process.argv[2] ?? '{}')
const url = new URL(load.url)
const requests = load.paths.map((path) =>
  Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`),
)
let asked = 0
let responses = 0
let bytes = 0

/** One connection's work until the signal. */
function askOnAndOn(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = 0
    const onChunk = (length: number, buffer: Uint8Array) => {
      let body = length
      if (left === 0) {
        const head = parseHead(Buffer.from(buffer.buffer, buffer.byteOffset, length))
        left = head.contentLength
        body -= head.length
      }
      left -= body
      bytes += body
      if (left < 0) throw new Error('more bytes than Content-Length said')
      if (left > 0) return true
      responses += 1
      ask()
      return true
    }
    const socket = connect({
      port: Number(url.port),
      host: url.hostname,
      noDelay: true,
      onread: { buffer: Buffer.alloc(256 * KiB), callback: onChunk },
    })
    const ask = () => socket.write(requests[asked++ % requests.length] as Buffer)
    socket.once('connect', ask)
    socket.once('error', reject)
    socket.once('close', () => (signal.aborted ? resolve() : reject(new Error('closed early'))))
    signal.addEventListener('abort', () => socket.destroy())
  })
}

/** A head is small: on the loopback it comes in one piece, with or without some of the body. */
function parseHead(chunk: Buffer): { length: number; contentLength: number } {
  const end = chunk.indexOf('\r\n\r\n')
  const head = chunk.toString('latin1', 0, Math.max(0, end))
  const contentLength = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (!head.startsWith('HTTP/1.1 200 ') || contentLength === undefined)
    throw new Error(`unexpected answer: ${head.slice(0, 200)}`)
  return { length: end + 4, contentLength: Number(contentLength) }
}

const start = performance.now()
const signal = AbortSignal.timeout(load.seconds * 1000)
await Promise.all(Array.from({ length: load.connections }, () => askOnAndOn(signal)))
if (bytes === 0) throw new Error(`not a byte came within ${load.seconds} s`)
const result: LoadResult = { responses, bytes, seconds: (performance.now() - start) / 1000 }
process.stdout.write(JSON.stringify(result))
