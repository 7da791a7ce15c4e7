import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log, RequestResult } from '../telemetry.ts'
import { idOf } from './request-id.ts'

/** Requests that get a line: none unless somebody wants to debug. */
const outcomes = new WeakMap<ServerResponse, Outcome>()
const maxPathLength = 200

interface Outcome {
  result: RequestResult | undefined
}

/** Writes one line about a request once its connection is done with it, where such lines are wanted. */
export function logRequest(request: IncomingMessage, response: ServerResponse, log: Log): void {
  if (!log.isDebug) return
  const { socket, method, url: path = '' } = request
  const started = performance.now()
  const bytesBefore = socket.bytesWritten
  const outcome: Outcome = { result: undefined }
  outcomes.set(response, outcome)
  response.once('close', () => {
    const ms = Math.round((performance.now() - started) * 100) / 100
    const status = response.headersSent ? response.statusCode : 0
    // Answers leave a connection in turn: what it has sent meanwhile is this one, head and body.
    const bytes = socket.bytesWritten - bytesBefore
    const { result } = outcome
    const shown = path.slice(0, maxPathLength)
    log.debug({ id: idOf(request), method, path: shown, status, bytes, ms, result }, 'request')
  })
}

/** Notes how a request ended, for its line. */
export function noteResult(response: ServerResponse, result: RequestResult): void {
  const outcome = outcomes.get(response)
  if (outcome) outcome.result = result
}
