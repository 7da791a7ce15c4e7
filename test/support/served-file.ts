import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import type { Answer } from './answer.ts'
import { type HttpHeader, headerOf } from './http-head.ts'

/** What an honest static server would say about a file of `root`: ranges, validators and all. */
export async function servedFile(
  root: string,
  request: { readonly path: string; readonly headers: readonly HttpHeader[] },
): Promise<Answer> {
  const path = safePath(request.path)
  const file = path === undefined ? undefined : join(root, path)
  const facts = file === undefined ? undefined : await stat(file).catch(() => undefined)
  if (file === undefined || !facts?.isFile()) return plainAnswer(404, 'no such file\n')

  const etag = `"${facts.size}-${Math.trunc(facts.mtimeMs)}"`
  const ifMatch = headerOf(request.headers, 'if-match')
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== etag) return plainAnswer(412, '')

  const ifRange = headerOf(request.headers, 'if-range')
  const rangeCounts = ifRange === undefined || ifRange === etag
  const range = rangeCounts ? headerOf(request.headers, 'range') : undefined
  const span = range === undefined ? undefined : parseRange(range, facts.size)
  if (span === 'unsatisfiable') {
    const unsatisfiable = plainAnswer(416, '')
    const header = ['Content-Range', `bytes */${facts.size}`] as const
    return { ...unsatisfiable, headers: [...unsatisfiable.headers, header] }
  }

  const { first, last } = span ?? { first: 0, last: facts.size - 1 }
  return {
    status: span === undefined ? 200 : 206,
    headers: [
      ['Content-Type', contentType(file)],
      ['Content-Length', String(last - first + 1)],
      ['Accept-Ranges', 'bytes'],
      ['ETag', etag],
      ...(span ? [['Content-Range', `bytes ${first}-${last}/${facts.size}`] as const] : []),
    ],
    body: last < first ? empty() : fileBytes(file, first, last),
    bodyOffset: first,
    end: 'keep-alive',
    headPaceMs: 0,
  }
}

/** A short text answer with an honest Content-Length. */
export function plainAnswer(status: number, text: string, headers: HttpHeader[] = []): Answer {
  const bytes = Buffer.from(text)
  return {
    status,
    headers: [['Content-Type', 'text/plain'], ['Content-Length', String(bytes.length)], ...headers],
    body: bytes.length === 0 ? empty() : just(bytes),
    bodyOffset: 0,
    end: 'keep-alive',
    headPaceMs: 0,
  }
}

export async function* just(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

// a generator opens the file when it is read, so an answer that is thrown away leaks none
async function* fileBytes(file: string, first: number, last: number): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file, { start: first, end: last })
}

export async function* empty(): AsyncGenerator<Uint8Array> {}

/** One range, as RFC 9110 §14.1.2 has it; several or none understood means the whole file. */
function parseRange(
  header: string,
  size: number,
): { first: number; last: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header)
  if (match === null || header === 'bytes=-') return undefined
  const [, from = '', to = ''] = match
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (first >= size || (from === '' && Number(to) === 0)) return 'unsatisfiable'
  return last < first ? undefined : { first, last }
}

function safePath(path: string): string | undefined {
  try {
    const decoded = normalize(decodeURIComponent(path))
    return decoded.startsWith('/') && !decoded.includes('\0') ? decoded : undefined
  } catch {
    return undefined
  }
}

function contentType(file: string): string {
  if (file.endsWith('.narinfo')) return 'text/x-nix-narinfo'
  if (/\.nar(\.\w+)?$/.test(file)) return 'application/x-nix-nar'
  return 'application/octet-stream'
}
