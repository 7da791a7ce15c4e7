import { AppError } from '../errors.ts'

declare const brand: unique symbol
/** The 32 nix32 characters a store path begins with: 160 bits. */
export type StoreHash = string & { readonly [brand]: 'StoreHash' }

export interface StorePath {
  readonly hash: StoreHash
  readonly name: string
}

const storeHashPattern = /^[0-9a-df-np-sv-z]{32}$/
const namePattern = /^[0-9A-Za-z+\-._?=]{1,211}$/
/** "." and ".." as a whole name or as its first dash-separated part, which Nix refuses. */
const dotNamePattern = /^\.{1,2}(-|$)/

export function isStoreHash(text: string): text is StoreHash {
  return storeHashPattern.test(text)
}

/** True for what may follow the hash and its dash (checkName in libstore/path.cc). */
export function isStoreName(text: string): boolean {
  return namePattern.test(text) && !dotNamePattern.test(text)
}

/** True for an absolute directory in its only spelling: no empty, "." or ".." step, no slash last. */
export function isStoreDir(text: string): boolean {
  return /^(\/(?!\.{1,2}(\/|$))[^/\p{Cc}]+)+$/u.test(text)
}

/**
 * Reads "<hash>-<name>".
 *
 * @throws AppError BAD_STORE_PATH
 */
export function parseBaseName(text: string): StorePath {
  const hash = text.slice(0, 32)
  const name = text.slice(33)
  if (!isStoreHash(hash) || text[32] !== '-' || !isStoreName(name))
    throw new AppError('BAD_STORE_PATH', `${JSON.stringify(text)} is not "<hash>-<name>"`)
  return { hash, name }
}

/**
 * Reads a full store path that lies directly in `storeDir`.
 *
 * @throws AppError BAD_STORE_PATH
 */
export function parseStorePath(text: string, storeDir: string): StorePath {
  if (!text.startsWith(`${storeDir}/`))
    throw new AppError('BAD_STORE_PATH', `${JSON.stringify(text)} is not in ${storeDir}`)
  return parseBaseName(text.slice(storeDir.length + 1))
}

/** Writes "<hash>-<name>". */
export function baseName(path: StorePath): string {
  return `${path.hash}-${path.name}`
}

export function printStorePath(path: StorePath, storeDir: string): string {
  return `${storeDir}/${baseName(path)}`
}

/** Orders store paths as Nix's StorePathSet does: by the bytes of their base names. */
export function compareStorePaths(a: StorePath, b: StorePath): number {
  // Every character is ASCII, so the order of UTF-16 units is the order of bytes.
  if (a.hash !== b.hash) return a.hash < b.hash ? -1 : 1
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return 0
}

/** The same paths as a set in Nix's order: sorted, each once. */
export function storePathSet(paths: readonly StorePath[]): readonly StorePath[] {
  return paths
    .toSorted(compareStorePaths)
    .filter((path, i, all) => i === 0 || compareStorePaths(all[i - 1] as StorePath, path) !== 0)
}
