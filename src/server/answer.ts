import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError, isAppError, isOutOfDescriptors, messageOf } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import type { Narinfos } from '../proxy/narinfos.ts'
import type { Nars } from '../proxy/nars.ts'
import type { Prefetch } from '../proxy/prefetch.ts'
import { addDuration, type Log, type Telemetry } from '../telemetry.ts'
import { answerOperator, type OperatorParts } from './answer-operator.ts'
import { type Home, sendAsset, sendHome } from './answer-page.ts'
import { answerUpload, type UploadParts } from './answer-upload.ts'
import type { Asset, AssetName } from './assets.ts'
import { clientOf } from './client-of.ts'
import { countFault, resultOf, sourceOf } from './count-requests.ts'
import { admit } from './gate.ts'
import { cacheInfoHeaders, narinfoHeaders, textHeaders } from './headers.ts'
import type { Live } from './live.ts'
import { idOf, requestIdHeader } from './request-id.ts'
import { logRequest, noteResult } from './request-log.ts'
import { sendNar } from './send-nar.ts'
import { sendSideFile } from './send-side-file.ts'
import { statusOf } from './status-of.ts'
import type { Streams } from './streams.ts'

export interface AnswerParts {
  readonly narinfos: Narinfos
  readonly nars: Nars
  readonly prefetch: Prefetch
  /** Texts that never change while the server runs. */
  readonly cacheInfo: Buffer
  readonly home: Home
  readonly assets: ReadonlyMap<AssetName, Asset>
  readonly live: Live
  readonly operator: OperatorParts
  readonly upload: UploadParts
  readonly streams: Streams
  readonly log: Log
  readonly telemetry: Telemetry
}

/** Seconds after which a client may ask again what nobody could answer now. */
const retryAfterSeconds = '5'

/** Answers one request of a cache client, from its raw method and URL to the last byte. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  parts: AnswerParts,
): Promise<void> {
  const { telemetry } = parts
  if (request.method === 'PUT' || request.method === 'DELETE')
    return answerUpload(request, response, { ...parts.upload, log: parts.log, telemetry })
  const target = admit(request.method, request.url)
  const startedMs = performance.now()
  logRequest(request, response, parts.log)
  try {
    switch (target.kind) {
      case 'narinfo': {
        const ready = parts.narinfos.ready(target.hash)
        if (ready) {
          sendNarinfo(response, ready.text, 'memory')
          const client = clientOf(request, parts.prefetch)
          const isAhead = parts.prefetch.sentReady(client, target.hash, ready)
          const result = isAhead ? 'prefetched' : 'hit'
          telemetry.requests.narinfo[result] += 1
          noteResult(response, result)
          addDuration(telemetry.hitDurations, (performance.now() - startedMs) / 1000)
          if (request.method === 'GET') telemetry.sentBytes.memory += ready.text.length
        } else await findNarinfo(response, { ...parts, hash: target.hash, startedMs })
        break
      }
      case 'nar':
        response.setHeader(requestIdHeader, idOf(request))
        if (
          await parts.streams.during(() =>
            sendNar(request, response, { ...parts, ...target, startedMs }),
          )
        ) {
          if (request.method === 'GET') parts.live.popular.note(target.file.name)
          break
        }
        telemetry.requests.nar.negative += 1
        noteResult(response, 'negative')
        sendText(response, 404, 'narwhal: no upstream has this NAR\n')
        break
      case 'cache-info':
        response.writeHead(200, cacheInfoHeaders(parts.cacheInfo.length)).end(parts.cacheInfo)
        telemetry.requests['cache-info'].hit += 1
        noteResult(response, 'hit')
        break
      case 'home':
        sendHome(request, response, parts.home)
        telemetry.requests.other.hit += 1
        noteResult(response, 'hit')
        break
      case 'asset':
        sendAsset(request, response, parts.assets.get(target.name) as Asset)
        telemetry.requests.other.hit += 1
        noteResult(response, 'hit')
        break
      case 'events':
        if (!parts.live.join(response)) throw new AppError('BUSY', 'too many browsers listen')
        telemetry.requests.other.hit += 1
        noteResult(response, 'hit')
        break
      case 'operator':
        await answerOperator(response, target.page, parts.operator)
        telemetry.requests.other.hit += 1
        noteResult(response, 'hit')
        break
      case 'side': {
        const { layout } = parts.upload.disk
        const isHere = await parts.streams.during(() => sendSideFile(response, target.side, layout))
        const result = isHere ? 'hit' : 'negative'
        telemetry.requests.other[result] += 1
        noteResult(response, result)
        if (!isHere) sendText(response, 404, 'narwhal: nobody has pushed this here\n')
        break
      }
      case 'refused':
        telemetry.requests.other.refused += 1
        noteResult(response, 'refused')
        refuse(response, target.status)
    }
  } catch (cause) {
    const error = asBusy(cause)
    noteResult(response, isAppError(error, 'CLIENT_GONE') ? 'aborted' : 'failed')
    countFault(error, { telemetry, target, hasBegun: response.headersSent })
    fail(request, response, error, parts.log)
  }
}

/** Out of descriptors, the system says no where we would have said it a little later. */
function asBusy(error: unknown): unknown {
  if (!isOutOfDescriptors(error)) return error
  return new AppError('BUSY', 'no file descriptor is left', { cause: error })
}

function sendNarinfo(response: ServerResponse, text: Buffer, origin: string): void {
  response.writeHead(200, narinfoHeaders(text.length, origin)).end(text)
}

async function findNarinfo(
  response: ServerResponse,
  {
    hash,
    startedMs,
    narinfos,
    prefetch,
    telemetry,
  }: AnswerParts & { readonly hash: StoreHash; readonly startedMs: number },
): Promise<void> {
  response.setHeader(requestIdHeader, idOf(response.req))
  const answer = await narinfos.find(hash)
  const { text, origin } = answer
  if (text) sendNarinfo(response, text, origin)
  else sendText(response, 404, 'narwhal: no upstream has this path\n')
  const isAhead = prefetch.sentFound(clientOf(response.req, prefetch), hash, answer)
  const result = isAhead ? 'prefetched' : resultOf(answer)
  telemetry.requests.narinfo[result] += 1
  noteResult(response, result)
  if (text && (origin === 'memory' || origin === 'disk'))
    addDuration(telemetry.hitDurations, (performance.now() - startedMs) / 1000)
  if (text && response.req.method === 'GET') telemetry.sentBytes[sourceOf[origin]] += text.length
}

const refusals = {
  400: 'narwhal: this is not a path of a binary cache\n',
  404: 'narwhal: there is nothing here\n',
  405: 'narwhal: only GET and HEAD are served here\n',
  414: 'narwhal: this URL is too long\n',
} as const

function refuse(response: ServerResponse, status: keyof typeof refusals): void {
  if (status === 405) response.setHeader('Allow', 'GET, HEAD')
  sendText(response, status, refusals[status])
}

function sendText(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text)
  response.writeHead(status, textHeaders(body.length)).end(body)
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown, log: Log): void {
  if (isAppError(error, 'CLIENT_GONE')) {
    response.destroy()
    return
  }
  const code = isAppError(error) ? error.code : undefined
  const id = idOf(request)
  const fields = { id, code, url: request.url, err: code ? undefined : error }
  if (response.headersSent) {
    log.warn(fields, `cut off a response: ${messageOf(error)}`)
    response.destroy()
    return
  }
  response.setHeader(requestIdHeader, id)
  const status = statusOf(code)
  if (status === 500) log.error(fields, messageOf(error))
  else log.info({ ...fields, status }, messageOf(error))
  if (status === 503) response.setHeader('Retry-After', retryAfterSeconds)
  const hint = isAppError(error) ? `${error.hint}\n` : ''
  const what = isAppError(error) ? `${error.message} (${error.code})` : 'an error inside narwhal'
  sendText(response, status, `narwhal: ${what}\n${hint}`)
}
