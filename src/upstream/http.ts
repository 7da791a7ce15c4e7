import { rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent, errors } from 'undici'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { parseNarInfo } from '../nix/narinfo.ts'
import type { AskOptions, NarBody, Source } from '../nix/source.ts'
import { locateNar } from '../policy/nar-location.ts'
import { mayFollow } from '../policy/redirect.ts'
import { parseRetryAfter } from '../policy/retry-after.ts'
import { contentLength, contentRange, strongEtag } from './content-range.ts'
import { readText } from './read-text.ts'

export interface HttpUpstreamOptions {
  readonly name: string
  /** Without trailing slash. */
  readonly url: string
  /** Value of the Authorization header, where the cache asks for one. */
  readonly authorization?: string | undefined
  /** Certificates in PEM format believed besides the usual ones. */
  readonly ca?: string | undefined
  readonly maxConnections: number
}

/** With fewer connections than this, several ranges of one file would leave too few for the rest. */
const connectionsForLanes = 8

const timeouts = { connectMs: 5_000, headersMs: 5_000, idleBodyMs: 15_000, narinfoMs: 15_000 }
/** A body that brings less than this in that time is as good as stalled. */
const crawl = { bytes: 16 * 1024, perMs: 15_000 }
const maxRedirects = 3
/** Real narinfos reach 208 KB. */
const maxNarinfoBytes = 1024 * 1024
const maxErrorBytes = 64 * 1024

/** Statuses by which binary caches say "I have no such thing"; S3 says 403. */
const absent = new Set([403, 404, 410])
/** But some stores say it, too, when they only want to be asked less. */
const throttling =
  /<Code>(?:SlowDown|Throttl\w*|RequestLimitExceeded|TooManyRequests\w*|ServiceUnavailable)</

/** A binary cache reached over http or https. */
export function httpUpstream(options: HttpUpstreamOptions): Source {
  const { name, url } = options
  const agent = openAgent(options)
  const origin = new URL(url).origin

  async function get(
    address: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    let target = address
    for (let hops = 0; ; hops += 1) {
      const response = await send(target, headers, signal)
      const location = response.headers.location
      if (response.statusCode < 300 || response.statusCode > 399 || location === undefined)
        return response
      await response.body.dump()
      const next = URL.parse(String(location), target.href)
      if (hops === maxRedirects || !next || !mayFollow(target, next))
        throw malformed(`redirects from ${target.href} to ${location}`)
      target = next
    }
  }

  async function send(target: URL, headers: Record<string, string>, signal: AbortSignal) {
    const own = target.origin === origin && options.authorization
    const answer = agent.request({
      origin: target.origin,
      path: target.pathname + target.search,
      method: 'GET',
      headers: {
        'user-agent': 'narwhal',
        ...headers,
        ...(own ? { authorization: own } : {}),
      },
      signal,
    })
    try {
      // undici hears of the signal only once there is a connection.
      return await untilAborted(answer, signal)
    } catch (cause) {
      throw unreachable(cause)
    }
  }

  /** What a status that is no answer means: trouble, or a request for patience. */
  function statusFault(response: Dispatcher.ResponseData, what: string): AppError {
    const message = `${name} answered ${response.statusCode} for ${what}`
    if (response.statusCode !== 429 && response.statusCode !== 503)
      return new AppError('UPSTREAM_STATUS', message)
    const retryAfterMs = parseRetryAfter(String(response.headers['retry-after'] ?? ''), Date.now())
    if (retryAfterMs === undefined) return new AppError('UPSTREAM_STATUS', message)
    return new AppError('UPSTREAM_BUSY', message, { retryAfterMs })
  }

  function malformed(what: string): AppError {
    return new AppError('UPSTREAM_MALFORMED', `${name} ${what}`)
  }

  function unreachable(cause: unknown): AppError {
    if (isAppError(cause)) return cause
    return new AppError('UPSTREAM_UNREACHABLE', `${name} cannot be reached: ${reasonOf(cause)}`, {
      cause,
    })
  }

  /** @throws AppError when the "no" is really a request for patience */
  async function saysAbsent(response: Dispatcher.ResponseData, what: string): Promise<boolean> {
    if (!absent.has(response.statusCode)) return false
    if (response.statusCode !== 403) await discard(response)
    else {
      const text = await readText(response, maxErrorBytes).catch(() => '')
      if (throttling.test(text.toString())) throw statusFault(response, what)
    }
    return true
  }

  async function discard(response: Dispatcher.ResponseData): Promise<void> {
    await response.body.dump({ limit: 64 * 1024 }).catch(() => undefined)
  }

  return {
    name,
    hasLanes: options.maxConnections >= connectionsForLanes,

    async narinfo(hash, caller, options) {
      // A narinfo is small: whoever drips it never trips the timers between two bytes.
      const signal = AbortSignal.any([caller, AbortSignal.timeout(timeouts.narinfoMs)])
      const headers = {
        accept: 'text/x-nix-narinfo',
        'accept-encoding': 'identity',
        ...purpose(options),
      }
      const response = await get(new URL(`${url}/${hash}.narinfo`), headers, signal)
      if (await saysAbsent(response, `${hash}.narinfo`)) return undefined
      if (response.statusCode !== 200) {
        await discard(response)
        throw statusFault(response, `${hash}.narinfo`)
      }
      try {
        const info = parseNarInfo(await readText(response, maxNarinfoBytes))
        locateNar(url, info.url)
        return info
      } catch (error) {
        if (isAppError(error))
          throw new AppError(error.code, `${name}: ${hash}.narinfo: ${error.message}`)
        throw unreachable(error)
      }
    },

    async nar({ url: narUrl, offset, length, etag }, signal, options) {
      const headers: Record<string, string> = { 'accept-encoding': 'identity', ...purpose(options) }
      const isPart = offset > 0 || length !== undefined
      const last = length === undefined ? undefined : offset + length - 1
      if (isPart) headers.range = `bytes=${offset}-${last ?? ''}`
      if (isPart && etag !== undefined) headers['if-range'] = etag
      const address = locateNar(url, narUrl)
      const response = await get(address, headers, signal)
      const { statusCode } = response
      if (await saysAbsent(response, narUrl)) return undefined
      const refuse = async (what: string) => {
        response.body.on('error', () => undefined).destroy()
        return malformed(`${what} for ${narUrl}`)
      }
      if (statusCode !== (isPart ? 206 : 200)) {
        if (statusCode < 300) throw await refuse(`answered ${statusCode} to a range request`)
        await discard(response)
        throw statusFault(response, narUrl)
      }
      const encoding = response.headers['content-encoding']
      if (encoding !== undefined && encoding !== 'identity')
        throw await refuse(`sent Content-Encoding ${encoding}`)
      const range = isPart ? contentRange(response.headers) : undefined
      if (isPart && (range?.first !== offset || (last !== undefined && range.last !== last)))
        throw await refuse(`sent the wrong range (${response.headers['content-range']})`)
      const seen = strongEtag(response.headers)
      if (etag !== undefined && seen !== undefined && seen !== etag)
        throw await refuse('sent a part of another object')
      const bytes = contentLength(response.headers)
      const toEnd = bytes === undefined || length !== undefined ? undefined : offset + bytes
      return { size: range?.total ?? toEnd, etag: seen, chunks: chunksOf(response.body) }
    },

    async probe(signal) {
      const response = await get(new URL(`${url}/nix-cache-info`), {}, signal)
      await discard(response)
      if (response.statusCode >= 500 || response.statusCode === 429)
        throw statusFault(response, 'nix-cache-info')
    },

    close: () => agent.destroy(),
  }

  async function* chunksOf(body: Dispatcher.ResponseData['body']): NarBody['chunks'] {
    let windowStart = performance.now()
    let windowBytes = 0
    try {
      for await (const chunk of body) {
        const handedOver = performance.now()
        yield chunk
        // Whoever reads may pause for as long as he likes: that is not the upstream's time.
        windowStart += performance.now() - handedOver
        windowBytes += chunk.length
        if (windowBytes >= crawl.bytes) {
          windowStart = performance.now()
          windowBytes = 0
        } else if (performance.now() - windowStart > crawl.perMs)
          throw new AppError(
            'UPSTREAM_STALLED',
            `only ${windowBytes} bytes in ${crawl.perMs / 1000} s`,
          )
      }
    } catch (error) {
      if (error instanceof errors.BodyTimeoutError || isAppError(error))
        throw new AppError('UPSTREAM_STALLED', `${name} fell silent: ${reasonOf(error)}`)
      throw new AppError('UPSTREAM_CUT_SHORT', `${name} broke off: ${reasonOf(error)}`, {
        cause: error,
      })
    } finally {
      body.on('error', () => undefined).destroy()
    }
  }
}

/** The same answer, but not for longer than the signal lets wait; one that comes later is let go. */
async function untilAborted(
  answer: Promise<Dispatcher.ResponseData>,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const { promise, reject } = Promise.withResolvers<never>()
  const leave = () => {
    reject(signal.reason)
    answer.then(
      ({ body }) => body.on('error', () => undefined).destroy(),
      () => undefined,
    )
  }
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([answer, promise])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

/** Lets the next narwhal know that no client stands behind this: it must not fetch ahead for it. */
function purpose(options: AskOptions | undefined): Record<string, string> {
  return options?.isPrefetch ? { 'sec-purpose': 'prefetch' } : {}
}

/** Goes through the proxy that the environment names, where it names one (http_proxy, no_proxy, …). */
function openAgent({ ca, maxConnections }: HttpUpstreamOptions): Dispatcher {
  const tls = ca === undefined ? {} : { ca: [...rootCertificates, ca] }
  const settings = {
    connections: maxConnections,
    connect: { timeout: timeouts.connectMs, ...tls },
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.idleBodyMs,
    // HTTP/2 would put all NARs and narinfos of an upstream into one TCP connection's window.
    allowH2: false,
  }
  const isProxied = Object.keys(process.env).some((name) => /^https?_proxy$/i.test(name))
  return isProxied ? new EnvHttpProxyAgent({ ...settings, requestTls: tls }) : new Agent(settings)
}

/** Several addresses tried at once fail as one error without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return messageOf(error)
}
