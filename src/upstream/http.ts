import { Agent, type Dispatcher } from 'undici'
import { AppError, isAppError, messageOf } from '../errors.ts'
import { parseNarInfo } from '../nix/narinfo.ts'
import type { NarBody, Source } from '../nix/source.ts'
import { locateNar } from '../policy/nar-location.ts'
import { mayFollow } from '../policy/redirect.ts'
import { contentRangeStart, wholeSize } from './content-range.ts'
import { readText } from './read-text.ts'

export interface HttpUpstreamOptions {
  readonly name: string
  /** Without trailing slash. */
  readonly url: string
  /** Value of the Authorization header, where the cache asks for one. */
  readonly authorization?: string | undefined
  readonly maxConnections: number
}

const timeouts = { connectMs: 5_000, headersMs: 5_000, idleBodyMs: 15_000 }
const maxRedirects = 3
/** Real narinfos reach 208 KB. */
const maxNarinfoBytes = 1024 * 1024

/** Statuses by which binary caches say "I have no such thing"; S3 says 403. */
const absent = new Set([403, 404, 410])

/** A binary cache reached over http or https. */
export function httpUpstream(options: HttpUpstreamOptions): Source {
  const { name, url } = options
  const agent = new Agent({
    connections: options.maxConnections,
    connect: { timeout: timeouts.connectMs },
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.idleBodyMs,
    // HTTP/2 would put all NARs and narinfos of an upstream into one TCP connection's window.
    allowH2: false,
  })
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
        throw fault('UPSTREAM_MALFORMED', `redirects from ${target.href} to ${location}`)
      target = next
    }
  }

  async function send(target: URL, headers: Record<string, string>, signal: AbortSignal) {
    const own = target.origin === origin && options.authorization
    try {
      return await agent.request({
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
    } catch (cause) {
      throw unreachable(cause)
    }
  }

  function fault(code: 'UPSTREAM_MALFORMED' | 'UPSTREAM_STATUS', what: string): AppError {
    return new AppError(code, `${name} ${what}`)
  }

  function unreachable(cause: unknown): AppError {
    if (isAppError(cause)) return cause
    return new AppError('UPSTREAM_UNREACHABLE', `${name} cannot be reached: ${reasonOf(cause)}`, {
      cause,
    })
  }

  async function discard(response: Dispatcher.ResponseData): Promise<void> {
    await response.body.dump({ limit: 64 * 1024 }).catch(() => undefined)
  }

  return {
    name,

    async narinfo(hash, signal) {
      const headers = { accept: 'text/x-nix-narinfo', 'accept-encoding': 'identity' }
      const response = await get(new URL(`${url}/${hash}.narinfo`), headers, signal)
      if (absent.has(response.statusCode)) {
        await discard(response)
        return undefined
      }
      if (response.statusCode !== 200) {
        await discard(response)
        throw fault('UPSTREAM_STATUS', `answered ${response.statusCode} for ${hash}.narinfo`)
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

    async nar({ url: narUrl, offset }, signal) {
      const headers: Record<string, string> = { 'accept-encoding': 'identity' }
      if (offset > 0) headers.range = `bytes=${offset}-`
      const address = locateNar(url, narUrl)
      const response = await get(address, headers, signal)
      const { statusCode } = response
      if (absent.has(statusCode)) {
        await discard(response)
        return undefined
      }
      const refuse = async (what: string) => {
        response.body.on('error', () => undefined).destroy()
        return fault('UPSTREAM_MALFORMED', `${what} for ${narUrl}`)
      }
      if (statusCode !== (offset > 0 ? 206 : 200)) {
        if (statusCode < 300) throw await refuse(`answered ${statusCode} to a range request`)
        await discard(response)
        throw fault('UPSTREAM_STATUS', `answered ${statusCode} for ${narUrl}`)
      }
      const encoding = response.headers['content-encoding']
      if (encoding !== undefined && encoding !== 'identity')
        throw await refuse(`sent Content-Encoding ${encoding}`)
      if (offset > 0 && contentRangeStart(response.headers) !== offset)
        throw await refuse(`sent the wrong range (${response.headers['content-range']})`)
      return { size: wholeSize(response.headers, offset), chunks: chunksOf(response.body) }
    },

    close: () => agent.destroy(),
  }

  async function* chunksOf(body: Dispatcher.ResponseData['body']): NarBody['chunks'] {
    try {
      yield* body
    } catch (error) {
      throw new AppError('UPSTREAM_CUT_SHORT', `${name} broke off: ${reasonOf(error)}`, {
        cause: error,
      })
    } finally {
      body.on('error', () => undefined).destroy()
    }
  }
}

/** Several addresses tried at once fail as one error without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return messageOf(error)
}
