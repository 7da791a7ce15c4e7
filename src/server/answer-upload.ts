import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { requireSideFile } from '../policy/side-file.ts'
import type { Uploads } from '../proxy/uploads.ts'
import type { Disk } from '../store/disk.ts'
import { writeSideFile } from '../store/side-files.ts'
import type { Log, Telemetry, UploadResult } from '../telemetry.ts'
import { MiB } from '../units.ts'
import { textHeaders } from './headers.ts'
import { admitPut, type PutRefusal, type PutTarget, uploadKind } from './put-gate.ts'
import { bodyOf, maxSmallBytes, smallBody } from './request-body.ts'
import { idOf, requestIdHeader } from './request-id.ts'
import { logRequest, noteResult } from './request-log.ts'
import { statusOf } from './status-of.ts'
import type { Tokens } from './tokens.ts'

/** What takes uploads; undefined tokens: nobody may push. */
export interface UploadParts {
  readonly tokens: Tokens | undefined
  readonly uploads: Uploads
  readonly disk: Disk
  readonly storeDir: string
}

interface Context extends UploadParts {
  readonly log: Log
  readonly telemetry: Telemetry
}

const maxNarinfoBytes = MiB
/** Who guesses tokens waits a little, but only so many of them: a connection costs something too. */
const guessDelayMs = 300
const maxDelayed = 256
/** How long an answer that came before the end of the body waits for the sender to see it. */
const lingerMs = 2_000
let delayed = 0

/** Answers a PUT or a DELETE: who it is comes before what it is, and both before the body. */
export async function answerUpload(
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
): Promise<void> {
  const { telemetry, log } = context
  const target = admitPut(request.method ?? '', request.url)
  logRequest(request, response, log)
  response.setHeader(requestIdHeader, idOf(request))
  let hasBody = false
  try {
    const token = await tokenOf(request, context)
    const status = await take(target, {
      ...{ ...context, request, token },
      begin() {
        hasBody = true
        if (expectsContinue(request)) response.writeContinue()
      },
    })
    count(status < 400 ? 'taken' : 'refused')
    const text = status < 400 ? '' : texts[status as 400]
    await end(request, response, { status, text, hasBody })
  } catch (error) {
    count(resultOf(error))
    await fail(request, response, { error, hasBody, log })
  }

  function count(result: UploadResult): void {
    telemetry.uploads.requests[uploadKind(target)][result] += 1
    const seen = result === 'taken' ? 'hit' : result === 'denied' ? 'refused' : result
    telemetry.requests.other[seen] += 1
    noteResult(response, seen)
  }
}

const texts = {
  400: 'narwhal: NARs are pushed as nar/<FileHash>.nar and what their compression adds\n',
  404: 'narwhal: there is nothing here\n',
  405: 'narwhal: this cannot be pushed or deleted\n',
  414: 'narwhal: this URL is too long\n',
} as const

/** @throws AppError UPLOADS_OFF, UPLOAD_DENIED */
async function tokenOf(request: IncomingMessage, { tokens }: Context): Promise<string> {
  if (!tokens) throw new AppError('UPLOADS_OFF', 'nothing can be pushed here')
  const { authorization } = request.headers
  if (authorization === undefined)
    throw new AppError('UPLOAD_DENIED', 'pushing and deleting take a token')
  const token = tokens.find(authorization)
  if (token) return token.name
  if (delayed < maxDelayed) {
    delayed += 1
    await delay(guessDelayMs)
    delayed -= 1
  }
  const from = request.socket.remoteAddress ?? 'a local socket'
  throw new AppError('UPLOAD_DENIED', `the token from ${from} does not count`)
}

interface Taking extends Context {
  readonly request: IncomingMessage
  readonly token: string
  /** To be called before the first byte of the body is read. */
  readonly begin: () => void
}

/** @returns the status */
async function take(target: PutTarget | PutRefusal, parts: Taking): Promise<number> {
  const { uploads, request, token, begin } = parts
  switch (target.kind) {
    case 'refused':
      return target.status
    case 'delete':
      return (await uploads.remove(target.hash, token)) ? 204 : 404
    case 'nar': {
      if (request.headers['content-encoding'] !== undefined)
        throw new AppError('UPLOAD_REFUSED', 'a NAR has no Content-Encoding')
      const incoming = await uploads.expectNar(target.file, lengthOf(request))
      try {
        begin()
        await incoming.take(bodyOf(request))
      } finally {
        incoming.cancel()
      }
      return 201
    }
    case 'narinfo': {
      uploads.requireDisk()
      begin()
      const text = await smallBody(request, maxNarinfoBytes)
      return (await uploads.takeNarinfo(target.hash, text, token)) ? 201 : 200
    }
    case 'cache-info': {
      begin()
      return takeCacheInfo(await smallBody(request, maxNarinfoBytes), parts.storeDir)
    }
    case 'side': {
      uploads.requireDisk()
      begin()
      const bytes = await smallBody(request, maxSmallBytes)
      requireSideFile(target.side, bytes)
      await keepSideFile(parts.disk, target.side.name, bytes)
      return 201
    }
  }
}

/** narwhal has its own; a client that means another store must hear so. */
function takeCacheInfo(text: Buffer, storeDir: string): number {
  const wanted = /^StoreDir: *(\S+)/m.exec(text.toString())?.[1]
  if (wanted === storeDir) return 200
  const said = wanted === undefined ? 'says no StoreDir' : `is for ${wanted}`
  throw new AppError('UPLOAD_REFUSED', `this cache is for ${storeDir}; what was pushed ${said}`)
}

async function keepSideFile(disk: Disk, name: string, bytes: Buffer): Promise<void> {
  const room = await disk.reserve(bytes.length)
  if (!room) throw new AppError('NO_ROOM', 'there is no room for it')
  try {
    await writeSideFile(disk.layout, name, bytes)
  } catch (cause) {
    disk.noteFault('write what is pushed', cause)
    throw new AppError('NO_ROOM', `the disk does not take it: ${messageOf(cause)}`, { cause })
  } finally {
    room.settle()
  }
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}

function expectsContinue({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === '100-continue'
}

function resultOf(error: unknown): UploadResult {
  if (isAppError(error, 'UPLOAD_DENIED', 'UPLOADS_OFF')) return 'denied'
  if (isAppError(error, 'CLIENT_GONE')) return 'aborted'
  return statusOf(isAppError(error) ? error.code : undefined) < 500 ? 'refused' : 'failed'
}

async function fail(
  request: IncomingMessage,
  response: ServerResponse,
  { error, hasBody, log }: { error: unknown; hasBody: boolean; log: Log },
): Promise<void> {
  if (isAppError(error, 'CLIENT_GONE') || response.destroyed) {
    log.info({ code: 'CLIENT_GONE', url: request.url }, messageOf(error))
    request.destroy()
    return
  }
  const code = isAppError(error) ? error.code : undefined
  const status = afterBody(statusOf(code), hasBody)
  const fields = { id: idOf(request), code, status, method: request.method, url: request.url }
  if (code === undefined) log.error({ ...fields, err: error }, messageOf(error))
  // Who has no token may write nothing that stands out.
  else if (code === 'UPLOADS_OFF') log.debug(fields, messageOf(error))
  else log.warn(fields, `refused what was pushed: ${messageOf(error)}`)
  if (status === 401)
    response.setHeader('WWW-Authenticate', ['Basic realm="narwhal"', 'Bearer realm="narwhal"'])
  if (status === 503) response.setHeader('Retry-After', '5')
  const what = isAppError(error) ? `${error.message} (${error.code})` : 'an error inside narwhal'
  const hint = isAppError(error) ? `${error.hint}\n` : ''
  await end(request, response, { status, text: `narwhal: ${what}\n${hint}`, hasBody })
}

/**
 * Nix 2.8 tries again what fails with 5xx, and hangs if its body has been read: then it gets
 * a status that it takes for final.
 */
function afterBody(status: number, hasBody: boolean): number {
  if (status < 500 || !hasBody) return status
  return status === 507 ? 413 : 409
}

interface Ending {
  readonly status: number
  readonly text: string
  /** True once the body was asked for. */
  readonly hasBody: boolean
}

/** Ends an answer; one that comes before the end of the body closes its connection, once it is seen. */
async function end(
  request: IncomingMessage,
  response: ServerResponse,
  { status, text, hasBody }: Ending,
): Promise<void> {
  if (response.destroyed) return
  if (status === 405) response.setHeader('Allow', 'GET, HEAD')
  const body = Buffer.from(text)
  const headers = status === 204 ? {} : textHeaders(body.length)
  if (request.complete || isBodiless(request)) {
    response.writeHead(status, headers).end(body)
    return
  }
  response.writeHead(status, { ...headers, Connection: 'close' })
  response.write(body)
  // Who waits to be asked for the body sends none now.
  if (hasBody || !expectsContinue(request)) await discardRest(request)
  response.end()
}

/** Takes what still comes for a moment: a connection closed over unread bytes loses the answer. */
async function discardRest(request: IncomingMessage): Promise<void> {
  if (request.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, lingerMs)
  request.once('end', resolve).once('close', resolve).once('error', resolve)
  request.resume()
  await promise
  clearTimeout(timer)
}

function isBodiless({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return coding === undefined && (length === undefined || length === '0')
}
