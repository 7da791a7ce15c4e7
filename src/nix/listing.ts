import { AppError } from '../errors.ts'
import { compareNames, isEntryName, isTarget, maxNarDepth } from './nar-frames.ts'

/** One file of a NAR, as a `.ls` listing shows it. Entries are a Map: a file may be called anything. */
export type ListingNode =
  | {
      readonly type: 'regular'
      /** Bytes. */
      readonly size: number
      readonly executable: boolean
      /** Where the contents begin, in bytes from the start of the NAR; some writers leave it out. */
      readonly narOffset: number | undefined
    }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'directory'; readonly entries: ReadonlyMap<string, ListingNode> }

/**
 * Reads `/<hash>.ls`: {"version":1,"root":…} (listNar in libstore/nar-accessor.cc).
 *
 * @throws AppError BAD_LISTING
 */
export function parseListing(text: string): ListingNode {
  const json = parseJson(text)
  if (field(json, 'version') !== 1) throw bad('its version is not 1')
  return readNode(field(json, 'root'), 0)
}

/** Writes a listing as Nix does: without white space, entries in a NAR's order. */
export function printListing(root: ListingNode): string {
  return `{"version":1,"root":${printNode(root)}}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('BAD_LISTING', 'the listing is not JSON', { cause: error })
  }
}

function readNode(json: unknown, depth: number): ListingNode {
  if (depth > maxNarDepth) throw bad(`it is over ${maxNarDepth} deep`)
  const type = field(json, 'type')
  if (type === 'regular') {
    const narOffset = field(json, 'narOffset')
    return {
      type,
      size: readBytes(field(json, 'size')),
      executable: field(json, 'executable') === true,
      narOffset: narOffset === undefined ? undefined : readBytes(narOffset),
    }
  }
  if (type === 'symlink') {
    const target = field(json, 'target')
    if (typeof target !== 'string' || !isTarget(Buffer.from(target)))
      throw bad('a symlink points nowhere')
    return { type, target }
  }
  if (type === 'directory') {
    const entries = new Map<string, ListingNode>()
    for (const [name, child] of Object.entries(requireObject(field(json, 'entries')))) {
      if (!isEntryName(Buffer.from(name))) throw bad(`${JSON.stringify(name)} cannot name a file`)
      entries.set(name, readNode(child, depth + 1))
    }
    return { type, entries }
  }
  throw bad('a file is of no known type')
}

function requireObject(json: unknown): object {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw bad('something is no JSON object')
  return json
}

/** Own fields only: "constructor" is no field of an empty object. */
function field(json: unknown, name: string): unknown {
  const object = requireObject(json)
  return Object.hasOwn(object, name) ? object[name as keyof object] : undefined
}

function readBytes(json: unknown): number {
  if (!Number.isSafeInteger(json) || (json as number) < 0) throw bad('a size is no whole number')
  return json as number
}

function printNode(node: ListingNode): string {
  switch (node.type) {
    case 'regular':
      // JSON.stringify leaves out what is undefined.
      return JSON.stringify({
        type: node.type,
        size: node.size,
        executable: node.executable || undefined,
        narOffset: node.narOffset,
      })
    case 'symlink':
      return JSON.stringify({ type: node.type, target: node.target })
    case 'directory': {
      // By hand: an object would put "10" before "9" and lose "__proto__".
      const entries = [...node.entries]
        .sort(([a], [b]) => compareNames(a, b))
        .map(([name, child]) => `${JSON.stringify(name)}:${printNode(child)}`)
      return `{"type":"directory","entries":{${entries.join(',')}}}`
    }
  }
}

function bad(reason: string): AppError {
  return new AppError('BAD_LISTING', `the listing is corrupt: ${reason}`)
}
