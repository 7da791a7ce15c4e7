import type { StoreHash } from '../nix/store-path.ts'
import type { PathFacts } from './path-facts.ts'

/** A want is `open` until the client asks for it, has it anyway, or it needs no more attention. */
type State = 'open' | 'asked' | 'there' | 'settled'

interface Want {
  readonly path: PathFacts
  readonly place: number
  state: State
}

/** What a client's asking for a NAR tells. */
export interface Insight {
  /** The path asked for; undefined when it is none of those foretold. */
  readonly asked: PathFacts | undefined
  /** What the client has already and will not ask for. */
  readonly there: readonly PathFacts[]
  /** What had been settled and the client has passed over: it may have it, too. */
  readonly passed: readonly PathFacts[]
}

/**
 * Foretells which NAR a client asks for next, from the narinfos it has asked for.
 *
 * Nix asks for a path's NAR only once all paths it refers to are valid on its side. So what lies in
 * the closure of a path asked for, and was not asked for itself, is there already. `nix copy` asks
 * for the narinfos of all of a closure but for the NARs of what is missing, one by one in the order
 * given here: what it has passed over is there, too. A client that goes back is none of that kind:
 * everything may still come, and as it fetches many at once, what refers to nothing comes first, then
 * what refers only to that, and so on.
 */
export class NarForecast {
  readonly #wants: readonly Want[]
  /** The same, by the length of the longest chain of references below them, once that is needed. */
  #byHeight: readonly Want[] | undefined
  readonly #byHash = new Map<StoreHash, Want>()
  readonly #byFile = new Map<string, Want>()
  /** The furthest place asked for. */
  #furthest = -1
  #isOrderly = true
  #cursor = 0

  /**
   * @param paths in the order of referencesFirst
   * @param before what was foretold for this client before more was known; its paths are among `paths`
   */
  constructor(paths: readonly PathFacts[], before?: NarForecast) {
    const seen = before ? before.#byHash : new Map<StoreHash, Want>()
    const stateOf = ({ hash }: PathFacts) => seen.get(hash)?.state ?? 'open'
    this.#wants = paths.map((path, place) => ({ path, place, state: stateOf(path) }))
    for (const want of this.#wants) {
      this.#byHash.set(want.path.hash, want)
      if (!this.#byFile.has(want.path.file)) this.#byFile.set(want.path.file, want)
      if (want.state === 'asked') this.#furthest = want.place
    }
    this.#isOrderly = before ? before.#isOrderly : true
    this.#cursor = this.#isOrderly ? this.#furthest + 1 : 0
  }

  get paths(): PathFacts[] {
    return this.#wants.map(({ path }) => path)
  }

  /** The one the client is likely to ask for next of those that are open. */
  next(): PathFacts | undefined {
    const wants = this.#isOrderly ? this.#wants : this.#inHeightOrder()
    while (this.#cursor < wants.length) {
      const want = wants[this.#cursor] as Want
      if (want.state === 'open') return want.path
      this.#cursor += 1
    }
    return undefined
  }

  #inHeightOrder(): readonly Want[] {
    this.#byHeight ??= sortByHeight(this.#wants, this.#byHash)
    return this.#byHeight
  }

  /** Those behind the furthest it has asked for, in the order it is likely to ask for them. */
  coming(limit: number): PathFacts[] {
    const paths: PathFacts[] = []
    for (let at = this.#furthest + 1; at < this.#wants.length && paths.length < limit; at += 1) {
      const { state, path } = this.#wants[at] as Want
      if (state === 'open' || state === 'settled') paths.push(path)
    }
    return paths
  }

  /** Is this path still to be fetched ahead? */
  isOpen(hash: StoreHash): boolean {
    return this.#byHash.get(hash)?.state === 'open'
  }

  /** Notes that a path needs nothing more: it is being fetched, or is here, or will not be fetched. */
  settle(hash: StoreHash): void {
    const want = this.#byHash.get(hash)
    if (want?.state === 'open') want.state = 'settled'
  }

  /** Notes that the client asks for a NAR. */
  asked(file: string): Insight {
    const want = this.#byFile.get(file)
    if (!want || want.state === 'asked') return { asked: undefined, there: [], passed: [] }
    if (want.place < this.#furthest && this.#isOrderly) {
      this.#isOrderly = false
      this.#cursor = 0
    }
    const from = this.#furthest + 1
    this.#furthest = Math.max(this.#furthest, want.place)
    if (this.#isOrderly) this.#cursor = Math.max(this.#cursor, this.#furthest + 1)
    want.state = 'asked'
    const there = this.#closureThere(want)
    const between = this.#isOrderly ? this.#wants.slice(from, want.place) : []
    const passed = between.filter(({ state }) => state === 'settled')
    return { asked: want.path, there, passed: passed.map(({ path }) => path) }
  }

  /**
   * Takes what lies below a path off the list. Below what was taken off before there is nothing
   * left, so all walks together go over each reference once.
   */
  #closureThere(top: Want): PathFacts[] {
    const there: PathFacts[] = []
    const open = [top]
    for (let want = open.pop(); want; want = open.pop()) {
      for (const hash of want.path.references) {
        const reference = this.#byHash.get(hash)
        if (!reference || reference.state === 'asked' || reference.state === 'there') continue
        reference.state = 'there'
        there.push(reference.path)
        open.push(reference)
      }
    }
    return there
  }
}

/** @param wants references first */
function sortByHeight(wants: readonly Want[], byHash: ReadonlyMap<StoreHash, Want>): Want[] {
  const heights = new Uint32Array(wants.length)
  const levels: Want[][] = []
  for (const want of wants) {
    let height = 0
    for (const hash of want.path.references) {
      const below = byHash.get(hash)
      // One that refers to itself, or in a circle, is no higher for that.
      if (below && below.place < want.place)
        height = Math.max(height, 1 + (heights[below.place] as number))
    }
    heights[want.place] = height
    const level = levels[height]
    if (level) level.push(want)
    else levels[height] = [want]
  }
  return levels.flat()
}
