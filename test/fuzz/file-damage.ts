import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rm, stat, truncate, writeFile } from 'node:fs/promises'
import fc from 'fast-check'

/** What becomes of a file; places and lengths are thousandths of it. */
export type Damage =
  | { readonly kind: 'delete' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'truncate'; readonly at: number }
  | Bending

type Bending =
  | { readonly kind: 'flip'; readonly at: number }
  | { readonly kind: 'zero'; readonly at: number; readonly share: number }

/** Bytes that are not what was written. */
export interface Bent {
  readonly start: number
  /** exclusive */
  readonly end: number
}

export type IndexRuin = 'lost' | 'empty' | 'halved' | 'random' | 'foreign'

const at = fc.integer({ min: 0, max: 1000 })

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('delete' as const) }),
  fc.record({ kind: fc.constant('empty' as const) }),
  fc.record({ kind: fc.constant('truncate' as const), at }),
  fc.record({ kind: fc.constant('flip' as const), at }),
  fc.record({ kind: fc.constant('zero' as const), at, share: fc.integer({ min: 1, max: 1000 }) }),
)

/**
 * Damages a file as a bad disk or a careless hand does, without telling whoever has it open.
 *
 * @returns the bytes that may be wrong now; undefined when the file is merely shorter, or gone
 */
export async function damageFile(path: string, by: Damage): Promise<Bent | undefined> {
  if (by.kind === 'delete') {
    await rm(path, { force: true })
    return undefined
  }
  const handle = await open(path, 'r+').catch(absentIfGone)
  if (!handle) return undefined
  try {
    const { size } = await handle.stat()
    if (by.kind === 'flip' || by.kind === 'zero')
      return size === 0 ? undefined : await bend(handle, size, by)
    await handle.truncate(by.kind === 'empty' ? 0 : placeIn(size, by.at))
    return undefined
  } finally {
    await handle.close()
  }
}

async function bend(handle: FileHandle, size: number, by: Bending): Promise<Bent> {
  const start = Math.min(placeIn(size, by.at), size - 1)
  const length = by.kind === 'flip' ? 1 : Math.max(1, placeIn(size - start, by.share))
  const bytes = Buffer.alloc(length)
  if (by.kind === 'flip') {
    await handle.read(bytes, 0, 1, start)
    bytes[0] = (bytes[0] ?? 0) ^ 1
  }
  await handle.write(bytes, 0, length, start)
  return { start, end: start + length }
}

function placeIn(size: number, thousandths: number): number {
  return Math.floor((thousandths * size) / 1000)
}

/** Makes an index worthless; where there is none, nothing happens. */
export async function ruinIndex(path: string, by: IndexRuin): Promise<void> {
  const facts = await stat(path).catch(absentIfGone)
  if (!facts) return
  if (by === 'lost') await rm(path, { force: true })
  if (by === 'empty') await truncate(path, 0)
  if (by === 'halved') await truncate(path, (facts.size >> 1) + 7)
  if (by === 'random') await writeFile(path, randomBytes(facts.size))
  if (by === 'foreign') await writeFile(path, 'SQLite format 3\0 but not quite')
}

function absentIfGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
