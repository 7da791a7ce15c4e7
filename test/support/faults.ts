import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from './answer.ts'
import type { Fault } from './fake-upstream.ts'
import type { HttpHeader } from './http-head.ts'
import { empty, just, plainAnswer } from './served-file.ts'

/** Another status with a short text body and an honest length, as a server in trouble sends. */
export function status(code: number, ...headers: HttpHeader[]): Fault {
  return () => plainAnswer(code, `status ${code}\n`, headers)
}

/** These bytes in place of head and body, then the end of the connection. */
export function raw(bytes: string | Uint8Array): Fault {
  return (answer) => ({ ...answer, rawHead: Buffer.from(bytes), body: empty(), end: 'fin' })
}

/** Another body with its honest length: a captive portal, someone else's file. */
export function body(content: string | Uint8Array): Fault {
  const bytes = Buffer.from(content)
  return (answer) => ({
    ...withHeader(answer, 'Content-Length', String(bytes.length)),
    body: just(bytes),
  })
}

/** Another body made of the honest one, with its honest length; for narinfos, not for NARs. */
export function edit(change: (text: string) => string): Fault {
  return async (answer, request) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of answer.body) chunks.push(chunk)
    return body(change(Buffer.concat(chunks).toString()))(answer, request)
  }
}

/** Sets a header: no value removes it, several repeat it. */
export function header(name: string, ...values: string[]): Fault {
  return (answer) => withHeader(answer, name, ...values)
}

export function redirect(location: string, code = 302): Fault {
  return () => plainAnswer(code, '', [['Location', location]])
}

/** Ends the connection after this many bytes of the body: closed in good order, or reset. */
export function cutAfter(bytes: number, end: 'fin' | 'reset' = 'fin'): Fault {
  return (answer) => ({ ...answer, end, body: firstBytes(answer.body, bytes) })
}

/** Never gets beyond this offset of the whole file, however often it is asked to resume. */
export function truncateAt(offset: number, end?: 'fin' | 'reset'): Fault {
  return (answer, request) => cutAfter(offset - answer.bodyOffset, end)(answer, request)
}

/** Falls silent after this many bytes of the body, until the client leaves. */
export function stallAfter(bytes: number): Fault {
  return (answer, { signal }) => ({ ...answer, body: thenSilence(answer.body, bytes, signal) })
}

/** Never gets beyond this offset of the whole file: falls silent there, also when asked to resume. */
export function stallAt(offset: number): Fault {
  return (answer, request) => stallAfter(offset - answer.bodyOffset)(answer, request)
}

/** Holds back what comes after this many bytes of the body until the test opens the gate. */
export function pauseAfter(bytes: number, gate: Promise<unknown>): Fault {
  return (answer) => ({ ...answer, body: paused(answer.body, bytes, gate) })
}

/** Never says a word: a black hole behind an open port. */
export function silence(): Fault {
  return (answer, { signal }) => ({
    ...answer,
    rawHead: new Uint8Array(),
    body: thenSilence(empty(), 0, signal),
  })
}

/** Inverts one bit of the byte at this offset of the whole file, in a resumed answer too. */
export function flipBit(offset: number): Fault {
  return (answer) => ({ ...answer, body: flipped(answer.body, offset - answer.bodyOffset) })
}

/** Sends the body in small pieces, one every so many milliseconds. */
export function drip(bytesPerPiece: number, everyMs: number): Fault {
  return (answer, { signal }) => ({
    ...answer,
    body: dripped(answer.body, { bytesPerPiece, everyMs, signal }),
  })
}

/** Sends status line and headers at one byte every so many milliseconds. */
export function slowHead(everyMs: number): Fault {
  return (answer) => ({ ...answer, headPaceMs: everyMs })
}

/** Chunked framing in place of Content-Length; `last: false` leaves the final chunk out. */
export function chunked({ last = true } = {}): Fault {
  return (answer) => ({
    ...withHeader(withHeader(answer, 'Content-Length'), 'Transfer-Encoding', 'chunked'),
    body: inChunks(answer.body, last),
    end: last ? answer.end : 'fin',
  })
}

/** No framing at all: the body ends when the connection does, so a cut cannot be told. */
export function closeDelimited(): Fault {
  return (answer) => ({ ...withHeader(answer, 'Content-Length'), end: 'fin' })
}

/** Holds the answer back until the test opens the gate. */
export function waitFor(gate: Promise<unknown>): Fault {
  return async (answer) => {
    await gate
    return answer
  }
}

function withHeader(answer: Answer, name: string, ...values: string[]): Answer {
  const others = answer.headers.filter(([key]) => key.toLowerCase() !== name.toLowerCase())
  return { ...answer, headers: [...others, ...values.map((value) => [name, value] as const)] }
}

async function* firstBytes(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  let left = bytes
  if (left <= 0) return
  for await (const chunk of source) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}

async function* thenSilence(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* firstBytes(source, bytes)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

async function* paused(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
  gate: Promise<unknown>,
): AsyncGenerator<Uint8Array> {
  let left = bytes
  for await (const chunk of source) {
    if (left > 0) yield chunk.subarray(0, left)
    if (left < chunk.length) {
      await gate
      yield chunk.subarray(Math.max(0, left))
    }
    left -= chunk.length
  }
}

async function* flipped(source: AsyncIterable<Uint8Array>, at: number): AsyncGenerator<Uint8Array> {
  let offset = 0
  for await (const chunk of source) {
    const inside = at - offset
    offset += chunk.length
    if (inside < 0 || inside >= chunk.length) yield chunk
    else yield chunk.map((byte, position) => (position === inside ? byte ^ 1 : byte))
  }
}

async function* dripped(
  source: AsyncIterable<Uint8Array>,
  pace: { bytesPerPiece: number; everyMs: number; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += pace.bytesPerPiece) {
      yield chunk.subarray(at, at + pace.bytesPerPiece)
      await wait(pace.everyMs, undefined, { signal: pace.signal })
    }
  }
}

async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  last: boolean,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    if (chunk.length === 0) continue
    yield Buffer.concat([
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ])
  }
  if (last) yield Buffer.from('0\r\n\r\n')
}
