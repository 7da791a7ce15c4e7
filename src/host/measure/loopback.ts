import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { MeasuredReading } from '../../advice/measured-figures.ts'
import { spreadOf } from '../../advice/spread.ts'
import { KiB, MiB } from '../../units.ts'
import { type Rounds, takeRounds } from './rounds.ts'

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

/** As large as a narinfo's answer and its question. */
const answerBytes = 1024
const questionBytes = 128
const latencyRoundMs = 300

/** Answers each question; they come whole, since the next one waits for the answer. */
const answerer = `
const { createServer } = require('node:net')
const { parentPort } = require('node:worker_threads')
const answer = Buffer.alloc(${answerBytes})
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(answer)).on('error', () => {})
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

/** Bytes per second that one connection over this machine's loopback carries. */
export async function measureLoopback(seconds: number): Promise<number> {
  return await withPeer(writer, (port) => receive(port, seconds))
}

/** The same in rounds, each with a thread of its own: where the system puts it is a part of the noise. */
export async function measureLoopbackRounds(order: Rounds): Promise<MeasuredReading> {
  return await takeRounds(() => measureLoopback(0.4), order)
}

/** Milliseconds from a question to its answer over this machine's loopback, between two threads. */
export async function measureLoopbackLatency(order: Rounds): Promise<MeasuredReading> {
  return await takeRounds(() => withPeer(answerer, pingPong), order)
}

async function withPeer<Result>(
  program: string,
  work: (port: number) => Promise<Result>,
): Promise<Result> {
  const worker = new Worker(program, { eval: true })
  try {
    const port = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject)
    })
    return await work(port)
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
      resolve(bytes / ((performance.now() - start) / 1000))
    }, seconds * 1000)
  })
}

function pingPong(port: number): Promise<number> {
  const question = Buffer.alloc(questionBytes)
  const times: number[] = []
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let [askedAt, got] = [0, 0]
  const end = performance.now() + latencyRoundMs
  const callback = (length: number) => {
    got += length
    if (got < answerBytes) return true
    got = 0
    const now = performance.now()
    times.push(now - askedAt)
    if (now < end) ask()
    else {
      socket.destroy()
      resolve(spreadOf(times).median)
    }
    return true
  }
  const onread = { buffer: Buffer.alloc(64 * KiB), callback }
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
  const ask = () => {
    askedAt = performance.now()
    socket.write(question)
  }
  socket.once('error', reject)
  socket.once('connect', ask)
  return promise
}
