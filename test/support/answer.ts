import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { HttpHeader } from './http-head.ts'

/**
 * What a fake upstream is about to put on the wire, as data, so that a fault is a function from
 * one answer to another. Nothing is added on the way out: a missing or doubled Content-Length
 * goes out as missing or doubled.
 */
export interface Answer {
  readonly status: number
  readonly headers: readonly HttpHeader[]
  readonly body: AsyncIterable<Uint8Array>
  /** offset in the whole file of the body's first byte; not 0 in a 206 */
  readonly bodyOffset: number
  /** what becomes of the connection afterwards */
  readonly end: 'keep-alive' | 'fin' | 'reset'
  /** sent in place of status line and headers when set: junk, half a head, another protocol */
  readonly rawHead?: Uint8Array
  /** pause after each byte of the head, in milliseconds; 0 sends it at once */
  readonly headPaceMs: number
}

/** Writes an answer; returns when its last byte is handed to the kernel or the peer is gone. */
export async function sendAnswer(answer: Answer, socket: Socket): Promise<void> {
  const head = answer.rawHead ?? printHead(answer)
  if (answer.headPaceMs === 0) await write(socket, head)
  else {
    for (const byte of head) {
      if (!socket.writable) return
      await write(socket, Uint8Array.of(byte))
      await wait(answer.headPaceMs)
    }
  }
  for await (const chunk of answer.body) {
    await write(socket, chunk)
    if (!socket.writable) return
  }
  if (answer.end === 'fin') socket.end()
  if (answer.end === 'reset') socket.resetAndDestroy()
}

function printHead({ status, headers }: Answer): Uint8Array {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`HTTP/1.1 ${status} Fake\r\n${lines.join('')}\r\n`, 'latin1')
}

async function write(socket: Socket, chunk: Uint8Array): Promise<void> {
  if (!socket.writable || socket.write(chunk)) return
  const decided = new AbortController()
  const { signal } = decided
  // a peer that leaves while we wait never drains
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
    () => undefined,
  )
  decided.abort()
}
