/** Which bytes a client wants: `end` is exclusive and undefined where it means "to the end". */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'from'; readonly start: number; readonly end: number | undefined }
  | { readonly kind: 'last'; readonly bytes: number }

export type ResolvedRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' }

/**
 * Reads a Range header (RFC 9110, 14.2). What is not one plain range of bytes is ignored, as the
 * RFC allows: several ranges, other units, nonsense.
 */
export function parseRange(header: string | undefined): RangeRequest {
  const match = header === undefined ? null : /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header)
  if (!match) return { kind: 'whole' }
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return { kind: 'whole' }
  if (first === '') return { kind: 'last', bytes: Number(last) }
  const start = Number(first)
  if (last === '') return { kind: 'from', start, end: undefined }
  return Number(last) < start ? { kind: 'whole' } : { kind: 'from', start, end: Number(last) + 1 }
}

/** @param size bytes of the whole file */
export function resolveRange(range: RangeRequest, size: number): ResolvedRange {
  if (range.kind === 'whole') return range
  if (range.kind === 'last') {
    if (range.bytes === 0 || size === 0) return { kind: 'unsatisfiable' }
    return { kind: 'part', start: Math.max(0, size - range.bytes), end: size }
  }
  if (range.start >= size) return { kind: 'unsatisfiable' }
  return { kind: 'part', start: range.start, end: Math.min(range.end ?? size, size) }
}
