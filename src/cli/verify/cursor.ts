import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../../proxy/verify-cache.ts'
import type { Layout } from '../../store/layout.ts'

/** How far a run has come. */
export interface Cursor {
  /** The last file it was done with; undefined at the beginning. */
  readonly after: string | undefined
  /** Taken out of `cache/` and not yet fetched again. */
  readonly pending: readonly Finding[]
}

export const beginning: Cursor = { after: undefined, pending: [] }

/** Beside `cache/`, as it is no file of a binary cache: the file's name, then what is pending. */
function cursorFile({ root }: Layout): string {
  return join(root, 'verify.cursor')
}

/** @returns the beginning where no run was interrupted */
export function readCursor(layout: Layout): Cursor {
  try {
    const [after, pending] = readFileSync(cursorFile(layout), 'utf8').split('\n')
    return { after: after || undefined, pending: JSON.parse(pending || '[]') as Finding[] }
  } catch {
    return beginning
  }
}

/** Written whole or not at all. */
export function writeCursor(layout: Layout, { after = '', pending }: Cursor): void {
  const file = cursorFile(layout)
  writeFileSync(`${file}.new`, `${after}\n${JSON.stringify(pending)}`)
  renameSync(`${file}.new`, file)
}

export function removeCursor(layout: Layout): void {
  rmSync(cursorFile(layout), { force: true })
}
