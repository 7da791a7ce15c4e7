import { createHash } from 'node:crypto'
import { messageOf } from '../../errors.ts'
import type { NarInfo } from '../../nix/narinfo.ts'
import { type ConnectionPool, fetchFrom, type Place, placeOf } from './fetch.ts'
import type { OnBody } from './response-reader.ts'
import { type Site, siteOf } from './site.ts'

export interface NarReading {
  readonly bytes: number
  /** What is wrong with it; undefined when all that the narinfo says holds. */
  readonly fault: string | undefined
  /** Where it came from, redirects followed. */
  readonly place: Place
}

/** Where a narinfo's URL leads. */
export function locate(site: Site, url: string): Place {
  if (!/^https?:\/\//.test(url)) return placeOf(site, url)
  const absolute = new URL(url)
  return { site: siteOf(absolute, 'narwhal-bench'), path: absolute.pathname + absolute.search }
}

/** Reads a NAR file to its end, without unpacking it, and holds it against its narinfo. */
export async function readNar(info: NarInfo, from: NarSource): Promise<NarReading> {
  const { site, pool, signal } = from
  let place = locate(site, info.url)
  let meter = startMeter()
  // The body of a redirect is not the file's.
  const begin = () => {
    meter = startMeter()
    return meter.take
  }
  try {
    let head = place.site === site ? await pool.get(place.path, begin()) : undefined
    if (head === undefined || head.location !== undefined) {
      const answer = await fetchFrom(place, begin, signal)
      head = answer.head
      place = answer.place
    }
    return { bytes: meter.bytes(), fault: faultOf(info, head.status, meter), place }
  } catch (error) {
    signal.throwIfAborted()
    return { bytes: meter.bytes(), fault: `${info.url}: ${messageOf(error)}`, place }
  }
}

export interface NarSource {
  readonly site: Site
  readonly pool: ConnectionPool
  readonly signal: AbortSignal
}

interface Meter {
  readonly take: OnBody
  readonly bytes: () => number
  readonly digest: () => Buffer
}

function startMeter(): Meter {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    take(buffer, start, end) {
      bytes += end - start
      hash.update(buffer.subarray(start, end))
    },
    bytes: () => bytes,
    digest: () => hash.digest(),
  }
}

function faultOf({ url, fileHash, fileSize }: NarInfo, status: number, meter: Meter) {
  const bytes = meter.bytes()
  if (status !== 200) return `${url}: status ${status}`
  if (fileSize !== undefined && fileSize !== bytes)
    return `${url} has ${bytes} bytes, not ${fileSize}`
  if (fileHash?.algorithm === 'sha256' && !meter.digest().equals(fileHash.digest))
    return `${url} does not match its FileHash`
  return undefined
}
