import { join } from 'node:path'
import { AppError, messageOf } from '../errors.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { makeDirectory } from './make-directory.ts'

/** Where everything stands below the data directory; docs/operating.md explains it to operators. */
export interface Layout {
  readonly root: string
  /** A plain, complete Nix binary cache. */
  readonly cache: string
  readonly nars: string
  readonly temporary: string
  /** Marks of what was pushed here, by the name of its NAR file. */
  readonly origin: string
  readonly index: string
  readonly lock: string
  narinfo(hash: StoreHash): string
  nar(name: string): string
  /** A download that can be gone on with after a restart. */
  part(key: string): string
  /** One that cannot: it is cleared away at start. */
  unfinished(key: string): string
  /** Says that a NAR was pushed here: it is no copy that could be fetched again. */
  originMark(name: string): string
}

/** What files of downloads in progress end in. */
export const partSuffix = '.part'
export const narinfoSuffix = '.narinfo'

export function layoutOf(root: string): Layout {
  const cache = join(root, 'cache')
  const nars = join(cache, 'nar')
  const temporary = join(root, 'tmp')
  const origin = join(root, 'origin')
  return {
    root,
    cache,
    nars,
    temporary,
    origin,
    index: join(root, 'index.sqlite'),
    lock: join(root, 'lock'),
    narinfo: (hash) => join(cache, hash + narinfoSuffix),
    nar: (name) => join(nars, name),
    part: (key) => join(temporary, key + partSuffix),
    unfinished: (key) => join(temporary, `${key}.unfinished`),
    originMark: (name) => join(origin, name),
  }
}

/** @throws AppError DISK */
export async function createDirectories(layout: Layout): Promise<void> {
  try {
    await makeDirectory(layout.nars)
    await makeDirectory(layout.temporary)
    await makeDirectory(layout.origin)
  } catch (cause) {
    throw new AppError(
      'DISK',
      `cannot create the data directory ${layout.root}: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
}
