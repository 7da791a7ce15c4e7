import type { Random } from '../../src/cli/demo/random.ts'

export interface MachineFile {
  readonly path: string
  readonly bytes: number
}

/** A path's files are at least this share of what it should hold, or it would have thousands. */
const smallestShare = 1 / 64
/** Near enough to the size that was asked for. */
const enough = 0.97

/**
 * Shares files out among packages, each file to one package at most, so that each gets about as
 * many bytes as it should hold. The same files, sizes and seed give the same.
 *
 * @param wantedBytes of each package; the biggest choose first, so that big files go to them
 * @returns the files of each package, in the order of `wantedBytes`
 */
export function allotFiles(
  files: readonly MachineFile[],
  wantedBytes: readonly number[],
  random: Random,
): MachineFile[][] {
  const bySize = files.toSorted((a, b) => a.bytes - b.bytes || (a.path < b.path ? -1 : 1))
  const taken = new Set<number>()
  const allotted: MachineFile[][] = wantedBytes.map(() => [])
  const places = [...wantedBytes.keys()]
  places.sort((a, b) => (wantedBytes[b] as number) - (wantedBytes[a] as number))

  for (const place of places) {
    const wanted = wantedBytes[place] as number
    let left = wanted
    while (left > wanted * (1 - enough)) {
      const from = firstAtLeast(bySize, Math.ceil(wanted * smallestShare))
      const to = firstAtLeast(bySize, left + 1)
      const choice = pickFree(taken, { from, to }, random)
      const file = choice === undefined ? undefined : bySize[choice]
      if (choice === undefined || file === undefined) break
      taken.add(choice)
      allotted[place]?.push(file)
      left -= file.bytes
    }
  }
  return allotted
}

/** A place in [from, to) that is not taken: a random one, or the next free one after it. */
function pickFree(
  taken: ReadonlySet<number>,
  { from, to }: { from: number; to: number },
  random: Random,
): number | undefined {
  if (to <= from) return undefined
  const first = random.below(to - from)
  for (let step = 0; step < to - from; step++) {
    const place = from + ((first + step) % (to - from))
    if (!taken.has(place)) return place
  }
  return undefined
}

/** The first place whose file has at least that many bytes; files.length when none has. */
function firstAtLeast(bySize: readonly MachineFile[], bytes: number): number {
  let low = 0
  let high = bySize.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((bySize[middle] as MachineFile).bytes < bytes) low = middle + 1
    else high = middle
  }
  return low
}
