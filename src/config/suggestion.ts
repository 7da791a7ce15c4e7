/**
 * Finds what was probably meant by a name nobody knows.
 *
 * Letter case, hyphens and underscores do not count: `maxSize` and `max-size` mean `max_size`.
 *
 * @returns the nearest candidate; undefined when none is near enough to be more than a guess
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = bare(name)
  if (wanted === '' || wanted.length > 100) return undefined
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = distanceOf(wanted, bare(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** A word cut short or drawn out, as "warning" is for "warn", is as good as one slip. */
function distanceOf(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  return shared >= 3 && a.slice(0, shared) === b.slice(0, shared) ? 1 : editDistance(a, b)
}

/** How many letters to insert, delete, replace or swap with their neighbour to get from a to b. */
export function editDistance(a: string, b: string): number {
  // Optimal string alignment: three rows of the matrix are enough.
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(at(row, j - 1) + 1, at(last, j) + 1, at(last, j - 1) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(beforeLast, j - 2) + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}
