import type { Random } from './random.ts'

/** One package of a made-up closure; packages are known by their place in the list. */
export interface GraphNode {
  readonly name: string
  /** Places of the packages it refers to: earlier ones, and at times its own. */
  readonly references: readonly number[]
  /** Its share of the closure's bytes, relative to the other weights. */
  readonly weight: number
}

const names: readonly string[] =
  `zlib openssl ncurses readline sqlite expat libffi pcre2 curl icu4c gmp bzip2 perl python3 glib
  libxml2 krb5 systemd acl attr dbus libidn2 nghttp2 brotli util-linux coreutils gawk`.split(/\s+/)

/**
 * Draws a closure as real ones look: layers, with a C library at the bottom that almost everything
 * refers to and one root at the top that reaches all; many small packages and a few big ones.
 *
 * @param count packages, at least 1
 * @returns the packages in dependency order; the root is the last
 */
export function drawGraph(count: number, random: Random): GraphNode[] {
  const references = drawReferences(count, random)
  return references.map((own, place) => ({
    name: `${nameAt(place, count, random)}-${1 + random.below(9)}.${random.below(40)}`,
    references: [...own].sort((a, b) => a - b),
    weight: logNormal(random),
  }))
}

function drawReferences(count: number, random: Random): Set<number>[] {
  const layers = Math.max(1, Math.round(Math.log2(count)))
  const start = (layer: number) =>
    layer > layers ? count : Math.ceil((layer * (count - 1)) / layers)
  const pick = (from: number, to: number) => from + random.below(to - from)

  const references = Array.from({ length: count }, () => new Set<number>())
  const referred = new Set<number>()
  const refer = (from: number, to: number) => {
    references[from]?.add(to)
    referred.add(to)
  }
  for (let layer = 1; layer <= layers; layer++) {
    for (let place = Math.max(1, start(layer)); place < start(layer + 1); place++) {
      for (let n = 1 + random.below(4); n > 0; n--)
        refer(place, pick(start(layer - 1), start(layer)))
      for (let n = random.below(4); n > 0; n--) refer(place, pick(0, start(layer)))
      if (random.fraction() < 0.8) refer(place, 0)
    }
  }
  // What nobody refers to would not belong to the root's closure.
  for (let layer = 0; layer < layers; layer++)
    for (let place = start(layer); place < start(layer + 1); place++)
      if (!referred.has(place)) refer(pick(start(layer + 1), start(layer + 2)), place)

  for (const [place, own] of references.entries()) if (random.fraction() < 0.4) own.add(place)
  return references
}

function nameAt(place: number, count: number, random: Random): string {
  if (place === count - 1) return 'app'
  return place === 0 ? 'glibc' : (names[random.below(names.length)] as string)
}

/** Sizes of real store paths spread about like this: the biggest is some hundred times the median. */
function logNormal(random: Random): number {
  const gaussian =
    Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
  return Math.exp(1.6 * gaussian)
}
