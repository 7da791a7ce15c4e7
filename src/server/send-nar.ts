import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { AppError, isAppError } from '../errors.ts'
import type { NarFile } from '../policy/nar-file.ts'
import { LoopTurns } from '../proxy/loop-turns.ts'
import type { Nars, OpenNar } from '../proxy/nars.ts'
import type { Prefetch } from '../proxy/prefetch.ts'
import type { NarReader } from '../store/nar-reader.ts'
import { addDuration, type RequestResult, type Telemetry } from '../telemetry.ts'
import { KiB } from '../units.ts'
import { giveBack, takeBuffer } from './buffer-pool.ts'
import { clientOf } from './client-of.ts'
import { narResultOf } from './count-requests.ts'
import { isUnchanged, narEtag, narHeaders } from './headers.ts'
import { parseRange, type RangeRequest, resolveRange } from './range.ts'
import { noteResult } from './request-log.ts'

/**
 * Bytes that all bodies together hand to the kernel in a turn of the event loop: one write of a large
 * buffer, a third of a millisecond. Smaller turns answer others no sooner, and these cost no
 * throughput (measured with 1 to 100 readers).
 */
const bodyTurns = new LoopTurns(256 * KiB)

export interface NarQuestion {
  readonly file: NarFile
  readonly nars: Nars
  readonly prefetch: Prefetch
  readonly telemetry: Telemetry
  /** When the request came, by performance.now(). */
  readonly startedMs: number
}

/**
 * Answers a request for a NAR: whole, one range of it, or its headers.
 *
 * The status waits for the first bytes, so that what fails before them fails with a status of its
 * own. What fails after them ends the socket: the client must never take a part for the whole.
 *
 * @returns false when the NAR is certainly absent; nothing has been sent then
 * @throws AppError before the first byte was sent
 */
export async function sendNar(
  request: IncomingMessage,
  response: ServerResponse,
  question: NarQuestion,
): Promise<boolean> {
  try {
    return await send(request, response, question)
  } catch (error) {
    if (isAppError(error, 'NAR_UNKNOWN') && !response.headersSent) return false
    throw error
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { file, nars, prefetch, telemetry, startedMs }: NarQuestion,
): Promise<boolean> {
  const range = rangeOf(request, file)
  if (range.kind !== 'whole' && nars.isTainted(file)) return false
  // Also where it is here no more: the bytes under one name never change.
  if (isUnchanged(request.headers['if-none-match'], narEtag(file.name))) {
    response.writeHead(304, narHeaders(file.name, 'validator')).end()
    countNar(response, telemetry, 'hit')
    return true
  }
  if (request.method === 'HEAD') {
    const head = await nars.head(file)
    if (!head) return false
    const { status, headers } = opening(file.name, { ...head, range })
    response.writeHead(status, headers).end()
    countNar(response, telemetry, head.origin === 'disk' ? 'hit' : 'miss')
    return true
  }
  const open = await nars.open(file)
  const client = clientOf(request, prefetch)
  const isAhead = prefetch.narOpened(client, file.name, open)
  try {
    if (!open) return false
    const close = () => open.reader.close()
    response.once('close', close)
    try {
      // Who left while it was looked for gets no second word.
      if (response.destroyed) throw new AppError('CLIENT_GONE', 'the client went away')
      await sendBody(response, file, { open, isAhead, range, telemetry, startedMs })
      return true
    } finally {
      response.off('close', close)
      close()
    }
  } finally {
    prefetch.narClosed(client)
  }
}

function countNar(response: ServerResponse, telemetry: Telemetry, result: RequestResult): void {
  telemetry.requests.nar[result] += 1
  noteResult(response, result)
}

interface Body extends Pick<NarQuestion, 'telemetry' | 'startedMs'> {
  readonly open: OpenNar
  /** True when it was fetched ahead, and this is the first to ask for it. */
  readonly isAhead: boolean
  readonly range: RangeRequest
}

async function sendBody(response: ServerResponse, file: NarFile, open: Body): Promise<void> {
  const buffer = takeBuffer()
  let isFree = false
  try {
    await pump(response, file, { ...open, buffer })
    isFree = true
  } finally {
    giveBack(buffer, isFree)
  }
}

async function pump(
  response: ServerResponse,
  file: NarFile,
  { open, isAhead, range, telemetry, startedMs, buffer }: Body & { readonly buffer: Buffer },
): Promise<void> {
  const { reader, origin } = open
  if (range.kind !== 'whole' && reader.size === undefined) await waitForSize(reader, buffer)
  const present = () => opening(file.name, { size: reader.size, range, origin })
  let position = present().start
  let first = await reader.read(buffer, position)
  // Only now is the length certain: a download may have learned it, or started over with another,
  // and a range that counts from the end then begins elsewhere.
  while (present().start !== position) {
    position = present().start
    first = await reader.read(buffer, position)
  }
  const { status, headers, end } = present()
  response.writeHead(status, headers)
  countNar(response, telemetry, isAhead ? 'prefetched' : narResultOf(open))
  if (origin === 'disk') addDuration(telemetry.hitDurations, (performance.now() - startedMs) / 1000)
  const write = writerTo(response)
  let bytes = Math.min(first, (end ?? Number.POSITIVE_INFINITY) - position)
  while (bytes > 0) {
    await bodyTurns.take(bytes)
    await write(buffer.subarray(0, bytes))
    position += bytes
    telemetry.sentBytes[origin] += bytes
    const left = (end ?? Number.POSITIVE_INFINITY) - position
    if (left === 0) break
    const room = left < buffer.length ? buffer.subarray(0, left) : buffer
    bytes = await reader.read(room, position)
  }
  if (end !== undefined && position < end)
    throw new AppError('DISK', `nar/${file.name} ended at byte ${position} of ${end}`)
  response.end()
}

/** A range whose end depends on the length must wait for it: for a download without one, for its end. */
async function waitForSize(reader: NarReader, buffer: Buffer): Promise<void> {
  let position = 0
  while (reader.size === undefined) {
    const bytes = await reader.read(buffer, position)
    if (bytes === 0) return
    position += bytes
  }
}

/** Writes so that each promise resolves once the kernel has the bytes and the buffer is free again. */
function writerTo(response: ServerResponse): (bytes: Buffer) => Promise<void> {
  let onGone: (() => void) | undefined
  response.once('close', () => onGone?.())
  return (bytes) =>
    new Promise((resolve, reject) => {
      const fail = () => reject(new AppError('CLIENT_GONE', 'the client went away'))
      if (response.destroyed) return fail()
      onGone = fail
      response.write(bytes, (error) => {
        onGone = undefined
        if (error) fail()
        else resolve()
      })
    })
}

interface OpeningFacts {
  readonly size: number | undefined
  readonly range: RangeRequest
  readonly origin: string
}

interface Opening {
  readonly status: 200 | 206 | 416
  readonly headers: OutgoingHttpHeaders
  readonly start: number
  /** Exclusive; undefined while the length is unknown. */
  readonly end: number | undefined
}

function opening(name: string, { size, range, origin }: OpeningFacts): Opening {
  const headers = narHeaders(name, origin)
  if (size === undefined) return { status: 200, headers, start: 0, end: undefined }
  const part = resolveRange(range, size)
  if (part.kind === 'unsatisfiable') {
    const unsatisfied = { ...headers, 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }
    return { status: 416, headers: unsatisfied, start: 0, end: 0 }
  }
  if (part.kind === 'whole')
    return { status: 200, headers: { ...headers, 'Content-Length': size }, start: 0, end: size }
  const { start, end } = part
  const partHeaders = {
    ...headers,
    'Content-Length': end - start,
    'Content-Range': `bytes ${start}-${end - 1}/${size}`,
  }
  return { status: 206, headers: partHeaders, start, end }
}

/** If-Range with another validator asks for the whole file (RFC 9110, 13.1.5). */
function rangeOf(request: IncomingMessage, file: NarFile): RangeRequest {
  const condition = request.headers['if-range']
  if (condition !== undefined && condition !== narEtag(file.name)) return { kind: 'whole' }
  return parseRange(request.headers.range)
}
