import { AppError, isAppError } from '../errors.ts'
import { parseListing } from '../nix/listing.ts'
import { parseRealisation, parseRealisationId, printRealisationId } from '../nix/realisation.ts'
import { isStoreHash, isStoreName } from '../nix/store-path.ts'

/** A file that goes with paths and is no narinfo and no NAR. */
export interface SideFile {
  readonly kind: 'listing' | 'log' | 'realisation' | 'build-trace' | 'debug-info'
  /** Below the cache, in names that hold no way up. */
  readonly name: string
  readonly contentType: string
}

const json = 'application/json'
const text = 'text/plain; charset=utf-8'

/**
 * Reads the path of a URL; undefined for what is none of these.
 *
 * Nothing is decoded: Nix writes names as they are, and `?` begins a query.
 */
export function parseSideFile(path: string): SideFile | undefined {
  const listing = /^\/([0-9a-z]{32})\.ls$/.exec(path)
  if (listing && isStoreHash(listing[1] as string)) return side('listing', path, json)
  const [, room, first = '', second, ...rest] = path.split('/')
  if (rest.length > 0) return undefined
  switch (room) {
    case 'log':
      return second === undefined && isBaseName(first) ? side('log', path, text) : undefined
    case 'realisations':
      return second === undefined && isRealisation(first)
        ? side('realisation', path, json)
        : undefined
    case 'build-trace-v2':
      return isBaseName(first) && second !== undefined && isOutputFile(second)
        ? side('build-trace', path, json)
        : undefined
    case 'debuginfo':
      return second === undefined && /^[0-9a-f]{40}(\.debug)?$/.test(first)
        ? side('debug-info', path, json)
        : undefined
    default:
      return undefined
  }
}

/**
 * Refuses what cannot be such a file.
 *
 * @throws AppError UPLOAD_REFUSED
 */
export function requireSideFile({ kind, name }: SideFile, bytes: Buffer): void {
  try {
    if (kind === 'listing') parseListing(bytes.toString())
    else if (kind === 'realisation') requireRealisation(name, bytes.toString())
    else if (kind !== 'log') JSON.parse(bytes.toString())
  } catch (error) {
    if (!isAppError(error) && !(error instanceof SyntaxError)) throw error
    throw new AppError('UPLOAD_REFUSED', `${name}: ${error.message}`, { cause: error })
  }
}

function requireRealisation(name: string, body: string): void {
  const { id } = parseRealisation(body)
  if (`realisations/${printRealisationId(id)}.doi` !== name)
    throw new AppError('BAD_REALISATION', 'it is of another derivation than its name says')
}

function side(kind: SideFile['kind'], path: string, contentType: string): SideFile {
  return { kind, name: path.slice(1), contentType }
}

function isBaseName(name: string): boolean {
  return isStoreHash(name.slice(0, 32)) && name[32] === '-' && isPlainName(name.slice(33))
}

function isOutputFile(name: string): boolean {
  return name.endsWith('.doi') && isPlainName(name.slice(0, -4))
}

function isPlainName(name: string): boolean {
  return isStoreName(name) && !name.includes('?')
}

function isRealisation(name: string): boolean {
  if (!name.endsWith('.doi')) return false
  try {
    return isPlainName(parseRealisationId(name.slice(0, -4)).outputName)
  } catch (error) {
    if (isAppError(error, 'BAD_REALISATION')) return false
    throw error
  }
}
