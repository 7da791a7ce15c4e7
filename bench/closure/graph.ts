import type { Random } from '../../src/cli/demo/random.ts'

/** One store path of a drawn closure; paths are known by their place in the list. */
export interface Node {
  readonly name: string
  /** Places of the paths it refers to: earlier ones, and at times its own. */
  readonly references: readonly number[]
  /** Bytes of file contents it should have. */
  readonly bytes: number
}

export interface GraphOptions {
  /** Store paths in all, more than `layers`. */
  readonly paths: number
  /** The longest chain of references is at least this long. */
  readonly layers: number
  /** Bytes of file contents of all paths together. */
  readonly totalBytes: number
}

/**
 * Draws a closure as real ones look: layers; a C library at the bottom that most refer to, and a
 * few others nearly as popular; one root that reaches all; sizes spread log-normally, from a few
 * kilobytes to tens of megabytes.
 *
 * @returns the paths in dependency order; the root is the last
 */
export function drawClosure(options: GraphOptions, random: Random): Node[] {
  const references = drawReferences(options, random)
  const sizes = drawSizes(options, random)
  return references.map((own, place) => ({
    name: nameAt(place, options.paths),
    references: [...own].sort((a, b) => a - b),
    bytes: sizes[place] as number,
  }))
}

/** The number of paths in the longest chain of references; a reference to itself is no link. */
export function depthOf(nodes: readonly Node[]): number {
  const depths: number[] = []
  // A path's own depth is not there yet when it looks it up.
  for (const { references } of nodes)
    depths.push(1 + Math.max(0, ...references.map((other) => depths[other] ?? 0)))
  return Math.max(0, ...depths)
}

function drawReferences({ paths, layers }: GraphOptions, random: Random): Set<number>[] {
  // The root is a layer of its own, above the others.
  const start = (layer: number) =>
    layer >= layers ? paths : Math.floor((layer * (paths - 1)) / (layers - 1))
  const references = Array.from({ length: paths }, () => new Set<number>())
  const referred = new Set<number>()
  const refer = (from: number, to: number) => {
    references[from]?.add(to)
    referred.add(to)
  }
  const pick = (from: number, to: number) => from + random.below(to - from)

  for (let layer = 1; layer < layers; layer++)
    for (let place = start(layer); place < start(layer + 1); place++) {
      for (let n = 1 + random.below(2); n > 0; n--)
        refer(place, pick(start(layer - 1), start(layer)))
      // The power makes the first places popular: one path in sixteen gets half of these references.
      for (let n = random.below(9); n > 0; n--)
        refer(place, Math.floor(random.fraction() ** 4 * start(layer)))
      if (random.fraction() < 0.85) refer(place, 0)
    }
  // What nobody refers to would not belong to the root's closure.
  for (let layer = 0; layer < layers - 1; layer++)
    for (let place = start(layer); place < start(layer + 1); place++)
      if (!referred.has(place)) refer(pick(start(layer + 1), start(layer + 2)), place)

  for (const [place, own] of references.entries()) if (random.fraction() < 0.4) own.add(place)
  return references
}

/** With this spread the mean is seven times the median, and the biggest of 300 some 250 times. */
const sigma = 2
/** No path may be so big that it alone decides how long everything takes. */
const biggestShare = 0.12

function drawSizes({ paths, totalBytes }: GraphOptions, random: Random): number[] {
  const weights = Array.from({ length: paths }, () => Math.exp(sigma * gaussian(random)))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => Math.ceil(totalBytes * Math.min(biggestShare, weight / sum)))
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
}

function nameAt(place: number, paths: number): string {
  if (place === paths - 1) return 'app'
  return place === 0 ? 'libc' : `part-${String(place).padStart(3, '0')}`
}
