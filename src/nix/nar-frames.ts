import { AppError } from '../errors.ts'

/**
 * The pieces a NAR is made of, each ready to be written; contents go between regularOpening and
 * regularClosing. Every word is a u64 length in little endian, the bytes, and zeros up to a
 * multiple of 8 (SourceAccessor::dumpPath in libutil/archive.cc).
 */

export const narMagic = 'nix-archive-1'

/**
 * NAME_MAX and PATH_MAX - 1, in bytes. Nix dumps and restores by full path, so no honest NAR goes
 * beyond; they bound what a hostile one makes us remember.
 */
export const maxNameBytes = 255
export const maxPathBytes = 4095
export const maxTargetBytes = 4095
/** The root is at depth 0. It keeps what walks a tree by recursion off the end of the stack. */
export const maxNarDepth = 1000

export const narOpening = words(narMagic)
export const directoryOpening = words('(', 'type', 'directory')
export const entryClosing = words(')')
export const directoryClosing = words(')')

/**
 * @param name of an entry; bytes where it may not be UTF-8
 * @throws AppError BAD_NAR when no file can be called so
 */
export function entryOpening(name: string | Uint8Array): Uint8Array {
  const bytes = bytesOf(name)
  if (!isEntryName(bytes))
    throw new AppError('BAD_NAR', `${JSON.stringify(name.toString())} cannot name a file`)
  return words('entry', '(', 'name', bytes, 'node')
}

/** @param size of the contents, in bytes */
export function regularOpening(size: number, executable: boolean): Uint8Array {
  const opening = executable
    ? words('(', 'type', 'regular', 'executable', '', 'contents')
    : words('(', 'type', 'regular', 'contents')
  return Buffer.concat([opening, u64(size)])
}

/** The padding after `size` bytes of contents, and the closing bracket. */
export function regularClosing(size: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(paddingOf(size)), words(')')])
}

/**
 * @param target bytes where it may not be UTF-8
 * @throws AppError BAD_NAR when no symlink can point there
 */
export function symlink(target: string | Uint8Array): Uint8Array {
  const bytes = bytesOf(target)
  if (!isTarget(bytes))
    throw new AppError('BAD_NAR', `no symlink has a target of ${bytes.length} bytes like this`)
  return words('(', 'type', 'symlink', 'target', bytes, ')')
}

export function isEntryName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > maxNameBytes) return false
  if (name.includes(0) || name.includes(slash)) return false
  return !(name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot)))
}

export function isTarget(target: Uint8Array): boolean {
  return target.length > 0 && target.length <= maxTargetBytes && !target.includes(0)
}

/** Orders names as a NAR does, by their UTF-8 bytes: UTF-16 order has U+1F40B before U+FB00. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** How many zeros follow `length` bytes. */
export function paddingOf(length: number): number {
  return (8 - (length % 8)) % 8
}

const slash = 0x2f
const dot = 0x2e

function bytesOf(word: string | Uint8Array): Uint8Array {
  return typeof word === 'string' ? Buffer.from(word) : word
}

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function words(...list: (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    list.flatMap((word) => {
      const bytes = bytesOf(word)
      return [u64(bytes.length), bytes, Buffer.alloc(paddingOf(bytes.length))]
    }),
  )
}
