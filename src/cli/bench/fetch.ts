import { AppError } from '../../errors.ts'
import { MiB } from '../../units.ts'
import { CacheConnection } from './connection.ts'
import type { OnBody, ResponseHead } from './response-reader.ts'
import { requestFor, type Site, siteOf } from './site.ts'

const maxRedirects = 10
const maxTextBytes = MiB

/** Where an answer came from in the end, redirects followed. */
export interface Place {
  readonly site: Site
  /** From the root of the host. */
  readonly path: string
}

/** The place of a file of a cache, such as a narinfo. */
export function placeOf(site: Site, relative: string): Place {
  return { site, path: `${site.basePath}/${relative}` }
}

/** Several connections to one host that answer whoever asks, as many at once as there are. */
export class ConnectionPool {
  readonly #site: Site
  readonly #idle: CacheConnection[] = []
  readonly #all = new Set<CacheConnection>()
  readonly #stop = Promise.withResolvers<never>()

  constructor(site: Site) {
    this.#site = site
    // Nobody may be waiting when it is closed.
    this.#stop.promise.catch(() => undefined)
  }

  /** @throws AppError NO_CACHE when no whole answer came */
  async get(path: string, onBody: OnBody): Promise<ResponseHead> {
    const connection = this.#idle.pop() ?? new CacheConnection(this.#site)
    this.#all.add(connection)
    const answer = new Promise<ResponseHead>((resolve, reject) => {
      connection.ask(requestFor(this.#site, path), onBody, (fault, head) => {
        this.#idle.push(connection)
        if (fault === undefined && head !== undefined) resolve(head)
        else reject(new AppError('NO_CACHE', `GET ${path}: ${fault}`))
      })
    })
    return await Promise.race([answer, this.#stop.promise])
  }

  /** Hangs up; who waits is told `reason`. */
  close(reason: unknown = new Error('closed')): void {
    this.#stop.reject(reason)
    for (const connection of this.#all) connection.close()
  }
}

/**
 * Gets one file over a connection of its own and follows where it is led.
 *
 * @param begin called for every answer on the way; what it returns takes that answer's body
 * @returns the last answer and where it came from; statuses other than 200 are no fault
 * @throws AppError NO_CACHE
 */
export async function fetchFrom(
  place: Place,
  begin: () => OnBody,
  signal?: AbortSignal,
): Promise<{ readonly place: Place; readonly head: ResponseHead }> {
  let { site, path } = place
  for (let step = 0; step <= maxRedirects; step++) {
    const pool = new ConnectionPool(site)
    const hangUp = () => pool.close(signal?.reason)
    signal?.addEventListener('abort', hangUp)
    try {
      const head = await pool.get(path, begin())
      if (head.location === undefined) return { place: { site, path }, head }
      const origin = `${site.isTls ? 'https' : 'http'}://${urlHost(site)}:${site.port}`
      const next = new URL(head.location, `${origin}${path}`)
      const isElsewhere = next.origin !== new URL(origin).origin
      // A login is for the host it was given for.
      if (isElsewhere) site = siteOf(next, userAgentOf(site))
      path = next.pathname + next.search
    } finally {
      signal?.removeEventListener('abort', hangUp)
      pool.close()
    }
  }
  throw new AppError('NO_CACHE', `GET ${place.path}: more than ${maxRedirects} redirects`)
}

/** @returns undefined for any status other than 200 */
export async function fetchText(place: Place, signal?: AbortSignal): Promise<string | undefined> {
  let body = textTaker()
  const begin = () => {
    body = textTaker()
    return body.take
  }
  const { head } = await fetchFrom(place, begin, signal)
  return head.status === 200 ? body.text() : undefined
}

/** Gathers a small body. */
export function textTaker(): { readonly text: () => string; readonly take: OnBody } {
  const pieces: Buffer[] = []
  let bytes = 0
  return {
    text: () => Buffer.concat(pieces).toString('utf8'),
    take(buffer, start, end) {
      bytes += end - start
      if (bytes > maxTextBytes) throw new Error('the answer is longer than 1 MiB')
      // The connection uses its buffer again.
      pieces.push(Buffer.from(buffer.subarray(start, end)))
    },
  }
}

function urlHost({ host }: Site): string {
  return host.includes(':') ? `[${host}]` : host
}

function userAgentOf({ headers }: Site): string {
  return /^User-Agent: (.*)$/m.exec(headers)?.[1]?.trim() ?? ''
}
