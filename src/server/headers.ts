import type { OutgoingHttpHeaders } from 'node:http'

/** Says where an answer came from; for people with curl and for tests. */
export const originHeader = 'X-Narwhal'

/** Headers of every answer, by kind. NARs never get a Content-Encoding: Nix 2.8 fails on it. */
export function cacheInfoHeaders(bytes: number): OutgoingHttpHeaders {
  return { 'Content-Type': 'text/x-nix-cache-info', 'Content-Length': bytes }
}

export function narinfoHeaders(bytes: number, origin: string): OutgoingHttpHeaders {
  return {
    'Content-Type': 'text/x-nix-narinfo',
    'Content-Length': bytes,
    [originHeader]: origin,
  }
}

/** @param file its name is its validator: the bytes under one name never change */
export function narHeaders(file: string, origin: string): OutgoingHttpHeaders {
  return {
    'Content-Type': 'application/x-nix-nar',
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'public, max-age=31536000, immutable',
    ETag: narEtag(file),
    [originHeader]: origin,
  }
}

export function narEtag(file: string): string {
  return `"${file}"`
}

/**
 * Holds an If-None-Match against the validator of what would be sent (RFC 9110, 13.1.2).
 *
 * @param etag one without a comma
 */
export function isUnchanged(condition: string | undefined, etag: string): boolean {
  const known = condition?.split(',') ?? []
  return known.some((one) => one.trim().replace(/^W\//, '') === etag)
}

/** What is true only now must come from nowhere else. */
export function operatorHeaders(type: string, bytes: number): OutgoingHttpHeaders {
  return {
    'Content-Type': type,
    'Content-Length': bytes,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  }
}

/**
 * The page runs its own scripts and nothing else, and no text it shows can become a script.
 *
 * @see https://www.w3.org/TR/CSP3/
 */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

export function pageHeaders(bytes: number): OutgoingHttpHeaders {
  return {
    ...operatorHeaders('text/html; charset=utf-8', bytes),
    'Content-Security-Policy': pagePolicy,
    'Referrer-Policy': 'no-referrer',
    Vary: 'Accept',
  }
}

/** A browser keeps it and asks each time whether it is still the same: an update shows at once. */
export function assetHeaders({ type, etag }: { type: string; etag: string }): OutgoingHttpHeaders {
  return {
    'Content-Type': type,
    'Cache-Control': 'no-cache',
    ETag: etag,
    'X-Content-Type-Options': 'nosniff',
  }
}

export function eventHeaders(): OutgoingHttpHeaders {
  return {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // nginx would keep events until it has a buffer full of them.
    'X-Accel-Buffering': 'no',
  }
}

export function textHeaders(bytes: number): OutgoingHttpHeaders {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': bytes,
    'X-Content-Type-Options': 'nosniff',
  }
}
