import { AppError } from '../errors.ts'
import type { ListingNode } from './listing.ts'
import type { NarFile, NarVisitor } from './nar-decoder.ts'

interface OpenDirectory {
  /** What its entries' paths begin with: '' at the root, else "…/". */
  readonly prefix: string
  readonly entries: Map<string, ListingNode>
}

/** Makes a listing of the NAR whose NarDecoder it visits; memory grows with the number of files. */
export class ListingBuilder implements NarVisitor {
  readonly #open: OpenDirectory[] = []
  #root: ListingNode | undefined
  #ambiguous: string | undefined

  directory(path: string): void {
    const entries = new Map<string, ListingNode>()
    this.#add(path, { type: 'directory', entries })
    this.#open.push({ prefix: path === '' ? '' : `${path}/`, entries })
  }

  regular(path: string, { size, executable, offset }: NarFile): void {
    this.#add(path, { type: 'regular', size, executable, narOffset: offset })
  }

  symlink(path: string, target: string): void {
    this.#add(path, { type: 'symlink', target })
  }

  /**
   * The listing, once the decoder's end() has passed.
   *
   * @throws AppError BAD_LISTING when nothing was visited, or two names differ only in bytes that
   * are not UTF-8: JSON cannot tell them apart
   */
  listing(): ListingNode {
    if (!this.#root) throw new AppError('BAD_LISTING', 'there is nothing to list')
    if (this.#ambiguous !== undefined)
      throw new AppError('BAD_LISTING', `${JSON.stringify(this.#ambiguous)} cannot be listed`)
    return this.#root
  }

  #add(path: string, node: ListingNode): void {
    if (path === '') {
      this.#root = node
      return
    }
    while (!path.startsWith(this.#top().prefix)) this.#open.pop()
    const { prefix, entries } = this.#top()
    const name = path.slice(prefix.length)
    if (entries.has(name)) this.#ambiguous = path
    entries.set(name, node)
  }

  #top(): OpenDirectory {
    const top = this.#open.at(-1)
    if (!top) throw new AppError('BAD_LISTING', 'a file was visited before its directory')
    return top
  }
}
