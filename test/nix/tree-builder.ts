import type { NarNode } from '../../src/nix/nar.ts'
import type { NarFile, NarVisitor } from '../../src/nix/nar-decoder.ts'
import { NarDecoder } from '../../src/nix/nar-decoder.ts'

/** Decodes a NAR, written in pieces, to the tree it holds. */
export function decodeTree(...pieces: Uint8Array[]): NarNode {
  const nodes = new Map<string, NarNode>()
  let path = ''
  const add = (at: string, node: NarNode) => {
    nodes.set(at, node)
    path = at
    if (at === '') return
    const slash = at.lastIndexOf('/')
    const parent = nodes.get(at.slice(0, Math.max(slash, 0)))
    if (parent?.type !== 'directory') throw new Error(`${at} is in no directory`)
    ;(parent.entries as Map<string, NarNode>).set(at.slice(slash + 1), node)
  }
  const visitor: Required<NarVisitor> = {
    directory: (at) => add(at, { type: 'directory', entries: new Map() }),
    regular: (at, { executable }: NarFile) =>
      add(at, { type: 'regular', executable, contents: new Uint8Array() }),
    contents: (chunk) => {
      const file = nodes.get(path) as Extract<NarNode, { type: 'regular' }>
      const contents = Uint8Array.from([...file.contents, ...chunk])
      Object.assign(file, { contents })
    },
    symlink: (at, target) => add(at, { type: 'symlink', target }),
  }
  const decoder = new NarDecoder(visitor)
  for (const piece of pieces) decoder.write(piece)
  decoder.end()
  return nodes.get('') as NarNode
}
