import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the kernel tells of itself; other places in tests. */
export interface SystemRoots {
  readonly proc: string
  readonly sys: string
}

export const systemRoots: SystemRoots = { proc: '/proc', sys: '/sys' }

/*
 * What the kernel makes up when it is read costs some microseconds and waits for no disk, so these
 * read at once. What is not there, or may not be read, is undefined: another kernel, another system.
 */

/** @returns the text of a file, or undefined */
export function readSystemFile(...path: string[]): string | undefined {
  try {
    return readFileSync(join(...path), 'utf8')
  } catch {
    return undefined
  }
}

/** @returns the names in a directory; none where there is no such directory */
export function listSystemDirectory(...path: string[]): string[] {
  try {
    return readdirSync(join(...path))
  } catch {
    return []
  }
}

/** @returns a whole number that is not negative, or undefined for anything else ("max", nothing) */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d+\s*$/.test(text) ? Number(text) : undefined
}

/** The figure behind a word: `field(text, 'MemTotal:')` of "MemTotal:  3977 kB" is 3977. */
export function field(text: string | undefined, name: string): number | undefined {
  const line = text?.split('\n').find((line) => line.trimStart().startsWith(`${name} `))
  return wholeNumber(line?.trim().split(/\s+/)[1])
}

/** The smallest of those that are known. */
export function least(figures: readonly (number | undefined)[]): number | undefined {
  const known = figures.filter((figure) => figure !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
