import { formatSize } from '../units.ts'
import { type BandName, bands, memoryCheck } from './bands.ts'
import { type Branch, branch, type Decision } from './decision.ts'
import type { Machine } from './machine.ts'

/**
 * Decision tree D1, "is this hardware sufficient?": by memory, in bands that exclude each other,
 * from the least to the most.
 */
export function sufficient({ memory }: Machine): Decision<BandName> {
  const path: Branch[] = []
  for (const band of bands) {
    const isLast = band.belowBytes === Number.POSITIVE_INFINITY
    if (isLast) break
    const isBelow = memory.totalBytes < band.belowBytes
    const limit = band.label.replace(/^.* (\d+ GB)$/, '$1')
    path.push(
      branch(`Less than ${limit} of memory?`, isBelow, {
        text: isBelow
          ? `${formatSize(memory.totalBytes)} is less than ${formatSize(band.belowBytes)}: ${band.text}.`
          : `${formatSize(memory.totalBytes)} is not less than ${formatSize(band.belowBytes)}.`,
        formula: `${limit} less what firmware keeps, an eighth: ${formatSize(band.belowBytes)}`,
        source: 'the bands of docs/hardware.md',
        check: memoryCheck,
      }),
    )
    if (isBelow) return { leaf: band.name, path: asPath(path) }
  }
  return { leaf: 'builder', path: asPath(path) }
}

function asPath(path: readonly Branch[]): readonly [Branch, ...Branch[]] {
  return path as unknown as readonly [Branch, ...Branch[]]
}
