import { AppError } from '../errors.ts'
import {
  compareNames,
  directoryClosing,
  directoryOpening,
  entryClosing,
  entryOpening,
  maxNarDepth,
  maxPathBytes,
  narOpening,
  regularClosing,
  regularOpening,
  symlink,
} from './nar-frames.ts'

/** A file tree as a NAR sees it: no times, no owners, one permission bit. */
export type NarNode =
  | { readonly type: 'regular'; readonly executable: boolean; readonly contents: Uint8Array }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'directory'; readonly entries: ReadonlyMap<string, NarNode> }

/**
 * Writes a tree as one NAR, for trees that fit in memory.
 *
 * @throws AppError BAD_NAR for a name or target no file system takes, or nesting no path reaches
 */
export function encodeNar(node: NarNode): Uint8Array {
  return Buffer.concat([...encodeNarChunks(node)])
}

/** The same bytes in pieces; contents are handed on uncopied. */
export function* encodeNarChunks(node: NarNode): Generator<Uint8Array> {
  yield narOpening
  yield* encodeNode(node, 0, 0)
}

/** @param pathBytes of the node's path, each name with its slash */
function* encodeNode(node: NarNode, depth: number, pathBytes: number): Generator<Uint8Array> {
  if (depth > maxNarDepth || pathBytes > maxPathBytes)
    throw new AppError('BAD_NAR', 'the tree is too deep for any file system')
  switch (node.type) {
    case 'regular':
      yield regularOpening(node.contents.length, node.executable)
      if (node.contents.length > 0) yield node.contents
      yield regularClosing(node.contents.length)
      break
    case 'symlink':
      yield symlink(node.target)
      break
    case 'directory':
      yield directoryOpening
      for (const [name, child] of [...node.entries].sort(([a], [b]) => compareNames(a, b))) {
        yield entryOpening(name)
        yield* encodeNode(child, depth + 1, pathBytes + 1 + Buffer.byteLength(name))
        yield entryClosing
      }
      yield directoryClosing
  }
}
