import type { StoreHash } from '../nix/store-path.ts'
import type { NarFile } from '../policy/nar-file.ts'
import type { SideFile } from '../policy/side-file.ts'
import type { UploadKind } from '../telemetry.ts'
import { admit } from './gate.ts'

/** What is to be pushed or deleted, read from its raw URL alone. */
export type PutTarget =
  | { readonly kind: 'nar'; readonly file: NarFile & { readonly shape: 'file' } }
  | { readonly kind: 'narinfo'; readonly hash: StoreHash }
  | { readonly kind: 'delete'; readonly hash: StoreHash }
  | { readonly kind: 'side'; readonly side: SideFile }
  | { readonly kind: 'cache-info' }

export type PutRefusal = { readonly kind: 'refused'; readonly status: 400 | 404 | 405 | 414 }

/**
 * Admits a PUT or DELETE by its raw URL. The shapes are those that are served, with one exception:
 * only a NAR whose name is its hash may be pushed, as all clients name them.
 */
export function admitPut(method: string, url: string | undefined): PutTarget | PutRefusal {
  const target = admit('GET', url)
  if (target.kind === 'refused') return target
  if (method === 'DELETE')
    return target.kind === 'narinfo'
      ? { kind: 'delete', hash: target.hash }
      : { kind: 'refused', status: 405 }
  switch (target.kind) {
    case 'narinfo':
    case 'cache-info':
    case 'side':
      return target
    case 'nar': {
      const { file } = target
      return file.shape === 'file' ? { kind: 'nar', file } : { kind: 'refused', status: 400 }
    }
    default:
      return { kind: 'refused', status: 405 }
  }
}

/** What it counts as. */
export function uploadKind({ kind }: PutTarget | PutRefusal): UploadKind {
  return kind === 'nar' || kind === 'narinfo' || kind === 'delete' ? kind : 'other'
}
