import { type Agent, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { AppError } from '../../errors.ts'

/**
 * Starts a GET and waits for its headers. The caller reads the body to its end or destroys it.
 *
 * @throws AppError UPSTREAM_STATUS when the answer is not 200, UPSTREAM_UNREACHABLE without one
 */
export function httpGet(
  url: string,
  agent: Agent,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, ...(signal && { signal }) }, (response) => {
      if (response.statusCode === 200) return resolve(response)
      response.resume()
      reject(new AppError('UPSTREAM_STATUS', `GET ${url} was answered ${response.statusCode}`))
    })
    sent.once('error', (cause) =>
      reject(new AppError('UPSTREAM_UNREACHABLE', `GET ${url}: ${cause.message}`, { cause })),
    )
    sent.end()
  })
}

/** Reads a small body whole. */
export function readAll(response: IncomingMessage): Promise<Buffer> {
  return buffer(response)
}
