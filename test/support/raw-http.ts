import { connect } from 'node:net'
import { type HttpHeader, headEnd, headerOf, parseHead } from './http-head.ts'

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number
  readonly headers: readonly HttpHeader[]
  header(name: string): string | undefined
  readonly body: Buffer
  /**
   * `clean`: whole by its own framing. `cut`: the connection ended, or was reset, before that.
   * A body without any framing that ends with FIN is `clean`, as it is to every HTTP client.
   */
  readonly end: 'clean' | 'cut'
}

export interface RawExchange {
  /** one per answer, in order; the last may be cut */
  readonly responses: readonly RawResponse[]
  /** how the connection ended; `timeout` when we gave up waiting */
  readonly closedBy: 'fin' | 'reset' | 'timeout' | 'us'
}

export interface RawOptions {
  /** methods of the requests sent, in order, since an answer to HEAD has no body; default GET */
  readonly methods?: readonly string[]
  /** hang up once this many answers are whole; without it wait for the server's FIN */
  readonly responses?: number
  /** milliseconds until we give up; default 60,000 */
  readonly timeoutMs?: number
}

/** Sends these bytes as they are and reads every answer, telling a clean end from a cut. */
export function exchangeRaw(
  port: number,
  bytes: string | Uint8Array,
  { methods = [], responses = Number.POSITIVE_INFINITY, timeoutMs = 60_000 }: RawOptions = {},
): Promise<RawExchange> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let closedBy: RawExchange['closedBy'] = 'fin'
    let connected = false
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => hangUp('timeout'), timeoutMs)
    const read = () => parseResponses(Buffer.concat(chunks), methods)

    socket.on('connect', () => {
      connected = true
      socket.write(bytes)
    })
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      // only a caller who counts pays for reading early
      if (Number.isFinite(responses) && wholeCount(read()) >= responses) hangUp('us')
    })
    socket.on('error', (error) => {
      if (connected) closedBy = 'reset'
      else reject(error)
    })
    socket.on('close', () => {
      clearTimeout(timer)
      resolve({ responses: read(), closedBy })
    })

    function hangUp(reason: 'timeout' | 'us'): void {
      closedBy = reason
      socket.destroy()
    }
  })
}

/** One request in good form on a connection of its own; extra headers as written. */
export async function requestRaw(
  url: string,
  { method = 'GET', headers = [], timeoutMs }: RequestOptions = {},
): Promise<RawResponse> {
  const { host, port } = new URL(url)
  // not URL.pathname: it would tidy up the very paths a test wants to send
  const target = url.slice(url.indexOf(host) + host.length) || '/'
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...headers]
  const { responses } = await exchangeRaw(Number(port), `${lines.join('\r\n')}\r\n\r\n`, {
    methods: [method],
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  const [response] = responses
  if (response === undefined) throw new Error(`no answer to ${method} ${target}`)
  return response
}

export interface RequestOptions {
  readonly method?: string
  /** "Name: value" each */
  readonly headers?: readonly string[]
  readonly timeoutMs?: number
}

function wholeCount(responses: readonly RawResponse[]): number {
  return responses.filter(({ end, headers }) => end === 'clean' && isFramed(headers)).length
}

function isFramed(headers: readonly HttpHeader[]): boolean {
  return headers.some(([name]) => name === 'content-length' || name === 'transfer-encoding')
}

function parseResponses(bytes: Buffer, methods: readonly string[]): RawResponse[] {
  const responses: RawResponse[] = []
  let rest = bytes
  while (rest.length > 0) {
    const start = headEnd(rest)
    if (start === undefined) return [...responses, cutInHead(rest)]
    const { startLine, headers } = parseHead(rest.subarray(0, start))
    const status = Number(startLine.split(' ')[1])
    const method = methods[responses.length] ?? 'GET'
    const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304
    const { body, end, taken } = bodiless
      ? { body: Buffer.alloc(0), end: 'clean' as const, taken: 0 }
      : parseBody(rest.subarray(start), headers)
    if (status !== 100) {
      responses.push({ status, headers, header: (name) => headerOf(headers, name), body, end })
    }
    rest = rest.subarray(start + taken)
  }
  return responses
}

function cutInHead(bytes: Buffer): RawResponse {
  return { status: 0, headers: [], header: () => undefined, body: bytes, end: 'cut' }
}

interface ParsedBody {
  readonly body: Buffer
  readonly end: RawResponse['end']
  readonly taken: number
}

function parseBody(bytes: Buffer, headers: readonly HttpHeader[]): ParsedBody {
  if (headerOf(headers, 'transfer-encoding') === 'chunked') return parseChunked(bytes)
  const length = Number(headerOf(headers, 'content-length') ?? bytes.length)
  const body = bytes.subarray(0, length)
  return { body, end: body.length === length ? 'clean' : 'cut', taken: body.length }
}

function parseChunked(bytes: Buffer): ParsedBody {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size =
      lineEnd === -1 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const dataEnd = lineEnd + 2 + size
    const cut = { body: Buffer.concat(parts), end: 'cut' as const, taken: bytes.length }
    if (Number.isNaN(size) || dataEnd + 2 > bytes.length) return cut
    if (size === 0) return { ...cut, end: 'clean', taken: dataEnd + 2 }
    parts.push(bytes.subarray(lineEnd + 2, dataEnd))
    at = dataEnd + 2
  }
}
