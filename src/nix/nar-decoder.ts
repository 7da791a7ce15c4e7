import {
  isEntryName,
  isTarget,
  maxNameBytes,
  maxNarDepth,
  maxPathBytes,
  maxTargetBytes,
  narMagic,
} from './nar-frames.ts'
import { badNar, maxKeywordBytes, NarWords } from './nar-words.ts'

/**
 * What a NarDecoder tells as it goes, parents before children, in the NAR's order. Paths are
 * relative to the root, which is ''; bytes that are not UTF-8 show as U+FFFD.
 */
export interface NarVisitor {
  directory?(path: string): void
  /** Its contents follow, if it has any, before anything else is told. */
  regular?(path: string, file: NarFile): void
  /** A piece of the file last told of: a view into what was written, good only during the call. */
  contents?(chunk: Uint8Array): void
  symlink?(path: string, target: string): void
}

export interface NarFile {
  readonly executable: boolean
  /** Bytes. */
  readonly size: number
  /** Where the contents begin, in bytes from the start of the NAR. */
  readonly offset: number
}

/** Where only one word may stand: which, and what is expected after it. */
const keywords = {
  magic: [narMagic, 'node'],
  node: ['(', 'type-key'],
  'type-key': ['type', 'type'],
  'executable-value': ['', 'contents-key'],
  'contents-key': ['contents', 'size'],
  'target-key': ['target', 'target'],
  entry: ['(', 'name-key'],
  'name-key': ['name', 'name'],
  'node-key': ['node', 'node'],
  'entry-end': [')', 'directory'],
} as const

/** A keyword comes next: the one in the table, or one of several. */
type Keyword = keyof typeof keywords | 'type' | 'regular' | 'directory' | 'node-end'
type Expected = Keyword | 'name' | 'target' | 'size' | 'contents' | 'padding' | 'nothing'

interface OpenDirectory {
  readonly path: string
  /** Of the path, as written in the NAR. */
  readonly pathBytes: number
  /** The name of its latest entry: the next must be greater. */
  latest: Uint8Array
}

/**
 * Reads a NAR written to it in pieces of any size, and tells a visitor what is inside.
 *
 * It takes what Nix takes (parse in libutil/archive.cc), and every tree has just one spelling: names
 * sorted and each once, padding zero, nothing after the end. It does not recurse, and remembers one
 * word and one name per open directory, whatever the NAR holds.
 */
export class NarDecoder {
  readonly #visit: NarVisitor
  readonly #words = new NarWords()
  readonly #open: OpenDirectory[] = []
  #expected: Expected = 'magic'
  #failure: { readonly error: unknown } | undefined

  // The node being read.
  #path = ''
  #pathBytes = 0
  #executable = false
  #size = 0
  #contentsLeft = 0

  constructor(visit: NarVisitor = {}) {
    this.#visit = visit
  }

  /**
   * Reads the next piece.
   *
   * @throws AppError BAD_NAR, and whatever the visitor throws; the same again on any later call
   */
  write(chunk: Uint8Array): void {
    if (this.#failure) throw this.#failure.error
    this.#words.feed(chunk)
    try {
      for (let next = this.#read(); next; next = this.#read()) this.#expected = next
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /**
   * Says that there is no more.
   *
   * @throws AppError BAD_NAR when the NAR is not whole
   */
  end(): void {
    if (this.#failure) throw this.#failure.error
    if (this.#expected !== 'nothing') throw badNar('it ends too early')
  }

  /** @returns what is expected next; undefined when the piece ends before that is known */
  #read(): Expected | undefined {
    const expected = this.#expected
    switch (expected) {
      case 'name': {
        const name = this.#words.word(maxNameBytes)
        return name && this.#enter(name)
      }
      case 'target': {
        const target = this.#words.word(maxTargetBytes)
        return target && this.#tellSymlink(target)
      }
      case 'size': {
        const size = this.#words.u64()
        return size === undefined ? undefined : this.#tellRegular(size)
      }
      case 'contents': {
        const contents = this.#words.contents(this.#contentsLeft)
        return contents && this.#tellContents(contents)
      }
      case 'padding':
        return this.#words.padding(this.#size) && 'node-end'
      case 'nothing':
        if (!this.#words.drained) throw badNar('something follows its end')
        return undefined
      default: {
        const word = this.#words.word(maxKeywordBytes)
        return word && this.#follow(expected, textOf(word))
      }
    }
  }

  #follow(expected: Keyword, word: string): Expected {
    switch (expected) {
      case 'type':
        return this.#beginNode(word)
      case 'regular':
        if (word === 'contents') return 'size'
        requireWord(word, 'executable')
        this.#executable = true
        return 'executable-value'
      case 'directory':
        if (word === 'entry') return 'entry'
        requireWord(word, ')')
        this.#open.pop()
        return this.#afterNode()
      case 'node-end':
        requireWord(word, ')')
        return this.#afterNode()
      default: {
        const [wanted, next] = keywords[expected]
        requireWord(word, wanted)
        return next
      }
    }
  }

  #beginNode(type: string): Expected {
    if (this.#open.length > maxNarDepth) throw badNar(`it is over ${maxNarDepth} deep`)
    switch (type) {
      case 'regular':
        this.#executable = false
        return 'regular'
      case 'symlink':
        return 'target-key'
      case 'directory':
        this.#visit.directory?.(this.#path)
        this.#open.push({
          path: this.#path,
          pathBytes: this.#pathBytes,
          latest: new Uint8Array(),
        })
        return 'directory'
      default:
        throw badNar(`${JSON.stringify(type)} is no type of file`)
    }
  }

  #afterNode(): Expected {
    return this.#open.length === 0 ? 'nothing' : 'entry-end'
  }

  #enter(name: Uint8Array): Expected {
    const text = textOf(name)
    if (!isEntryName(name)) throw badNar(`${JSON.stringify(text)} cannot name a file`)
    const directory = this.#open.at(-1) as OpenDirectory
    if (Buffer.compare(name, directory.latest) <= 0)
      throw badNar(`${JSON.stringify(text)} is out of order`)
    directory.latest = Uint8Array.from(name)
    this.#path = directory.path === '' ? text : `${directory.path}/${text}`
    this.#pathBytes = directory.pathBytes + 1 + name.length
    if (this.#pathBytes > maxPathBytes) throw badNar('it has a path no file system takes')
    return 'node-key'
  }

  #tellSymlink(target: Uint8Array): Expected {
    if (!isTarget(target)) throw badNar('a symlink points nowhere')
    this.#visit.symlink?.(this.#path, textOf(target))
    return 'node-end'
  }

  #tellRegular(size: number): Expected {
    this.#size = size
    this.#contentsLeft = size
    this.#visit.regular?.(this.#path, {
      executable: this.#executable,
      size,
      offset: this.#words.offset,
    })
    return size === 0 ? 'node-end' : 'contents'
  }

  #tellContents(chunk: Uint8Array): Expected {
    this.#visit.contents?.(chunk)
    this.#contentsLeft -= chunk.length
    return this.#contentsLeft === 0 ? 'padding' : 'contents'
  }
}

function requireWord(word: string, wanted: string): void {
  if (word !== wanted)
    throw badNar(`it has ${JSON.stringify(word)} in place of ${JSON.stringify(wanted)}`)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}
