import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from 'node:http'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import { MiB } from '../../units.ts'

/** An answer, whatever its status. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
  /** until its head was there, in milliseconds */
  readonly ms: number
}

export interface TextAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly ms: number
}

/** Asks one cache as Nix would: HTTP/1.1, a few connections, logins from the URL. */
export interface Looker {
  /** @throws the system's error; AbortError when the time is up */
  get(url: URL, timeoutMs: number): Promise<Answer>
  /** @throws also when the body is longer than 1 MiB */
  text(url: URL, timeoutMs: number): Promise<TextAnswer>
  close(): void
}

const maxRedirects = 10

/** @param signal ends all that runs */
export function openLooker(userAgent: string, signal: AbortSignal): Looker {
  const settings = { keepAlive: true, maxSockets: 16 }
  const agents = { 'http:': new HttpAgent(settings), 'https:': new HttpsAgent(settings) }

  async function get(url: URL, timeoutMs: number): Promise<Answer> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    const start = performance.now()
    let at = url
    for (let step = 0; ; step++) {
      const body = await ask(at, within)
      const { statusCode: status = 0, headers } = body
      const isRedirect = [301, 302, 303, 307, 308].includes(status) && headers.location
      if (!isRedirect || step === maxRedirects)
        return { status, headers, body, ms: performance.now() - start }
      body.destroy()
      at = new URL(headers.location as string, at)
    }
  }

  function ask(url: URL, within: AbortSignal): Promise<IncomingMessage> {
    const isTls = url.protocol === 'https:'
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    const options = {
      agent: isTls ? agents['https:'] : agents['http:'],
      headers: { 'user-agent': userAgent, accept: '*/*' },
      ...(url.username === '' ? {} : { auth: login }),
      signal: within,
    }
    return new Promise((resolve, reject) => {
      const sent = (isTls ? requestTls : request)(url, options, resolve)
      sent.once('error', reject)
      sent.end()
    })
  }

  return {
    get,
    async text(url, timeoutMs) {
      const { body, ...answer } = await get(url, timeoutMs)
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > MiB) throw new Error('the answer is longer than 1 MiB')
        chunks.push(chunk)
      }
      return { ...answer, text: Buffer.concat(chunks).toString('utf8') }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

/** A file of a cache, below whatever path its URL has. */
export function fileOf(cache: URL, file: string): URL {
  const base = new URL(cache)
  base.search = ''
  base.hash = ''
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return new URL(file, base)
}

/** An URL for people: no password, no slash at the end. */
export function shown(url: URL): string {
  const copy = new URL(url)
  copy.username = ''
  copy.password = ''
  return copy.href.replace(/\/$/, '')
}

/** The system's word for what went wrong, in a sentence for people. */
export function reasonOf(error: unknown): string {
  const { code, name, message, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] }
  if (name === 'TimeoutError' || name === 'AbortError') return 'no answer in time'
  if (errors !== undefined && errors.length > 0) return reasonOf(errors[0])
  return reasons[code ?? ''] ?? (message || code || 'no connection')
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused (ECONNREFUSED): nothing listens there',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
  EHOSTUNREACH: 'no route to it (EHOSTUNREACH)',
  ENETUNREACH: 'no route to its network (ENETUNREACH)',
  ETIMEDOUT: 'nothing answers (ETIMEDOUT)',
  ENOTFOUND: 'the name is not known (ENOTFOUND)',
  EAI_AGAIN: 'no name server answers (EAI_AGAIN)',
}
