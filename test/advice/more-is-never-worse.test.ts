import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describedMachine } from '../../src/advice/described-machine.ts'
import type { Machine } from '../../src/advice/machine.ts'
import { roles } from '../../src/advice/roles.ts'
import { GiB } from '../../src/units.ts'
import { capacityOf } from './capacity.ts'
import { dimensions, type GridPoint, gridMachine, gridPoints } from './machine-grid.ts'

/** What shrinks from one machine to the one that has more, as text; nothing when all is well. */
function shrinks(less: Machine, more: Machine): string[] {
  return roles.flatMap((role) => {
    const before = capacityOf(less, role)
    const after = capacityOf(more, role)
    return Object.keys(before).flatMap((name) => {
      const [from, to] = [before[name] ?? 0, after[name] ?? 0]
      // zram is given in whole percents of memory
      const allowed = name === 'memory with zram' ? 0.01 * less.memory.totalBytes : 0
      return to >= from - allowed ? [] : [`${role}: ${name} ${from} → ${to}`]
    })
  })
}

const points = gridPoints()

test('the grid has at least 500 different machines', () => {
  expect(new Set(points.map((point) => JSON.stringify(point))).size).toBeGreaterThanOrEqual(500)
})

describe('a machine never gets a worse answer, fewer slots or smaller settings for having more', () => {
  const names = Object.keys(dimensions) as (keyof GridPoint)[]

  test.each(names)('of %s', (name) => {
    for (const point of points) {
      if (point[name] === undefined) continue
      for (const row of dimensions[name].rows)
        for (const [at, value] of row.slice(0, -1).entries()) {
          const less = { ...point, [name]: value }
          const more = { ...point, [name]: row[at + 1] }
          const found = shrinks(gridMachine(less), gridMachine(more))
          if (found.length > 0)
            expect.fail(`${JSON.stringify(less)} → ${JSON.stringify(row[at + 1])}: ${found}`)
        }
    }
  })

  test('of memory, at any size whatever', () => {
    const gib = fc.double({ min: 0.1, max: 300, noNaN: true })
    fc.assert(
      fc.property(gib, gib, fc.integer({ min: 1, max: 64 }), (a, b, threads) => {
        const machine = (size: number) =>
          describedMachine({
            cpu: { cores: threads, threads },
            memory: { totalBytes: Math.round(size * GiB) },
          })
        expect(shrinks(machine(Math.min(a, b)), machine(Math.max(a, b)))).toEqual([])
      }),
      { numRuns: 600 },
    )
  })

  test('of memory, right at each bound', () => {
    for (let mebibytes = 400; mebibytes < 20_000; mebibytes += 61)
      for (const threads of [1, 2, 4, 8, 16, 64]) {
        const machine = (bytes: number) =>
          describedMachine({ cpu: { cores: threads, threads }, memory: { totalBytes: bytes } })
        const size = mebibytes * 2 ** 20
        const found = shrinks(machine(size), machine(size + 61 * 2 ** 20))
        expect(found, `${mebibytes} MiB, ${threads} threads`).toEqual([])
      }
  })

  test('of threads, at any number', () => {
    const threads = fc.integer({ min: 1, max: 256 })
    const gib = fc.double({ min: 0.1, max: 300, noNaN: true })
    fc.assert(
      fc.property(gib, threads, threads, (size, a, b) => {
        const machine = (count: number) =>
          describedMachine({
            cpu: { cores: count, threads: count },
            memory: { totalBytes: Math.round(size * GiB) },
          })
        expect(shrinks(machine(Math.min(a, b)), machine(Math.max(a, b)))).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('of free space, at any size of disk', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    const total = fc.integer({ min: 4, max: 8000 })
    fc.assert(
      fc.property(total, share, share, (gigabytes, a, b) => {
        const totalBytes = gigabytes * 1e9
        const machine = (free: number) =>
          describedMachine({
            memory: { totalBytes: 4 * GiB },
            disks: [{ kind: 'ssd', totalBytes, freeBytes: Math.floor(totalBytes * free) }],
          })
        expect(shrinks(machine(Math.min(a, b)), machine(Math.max(a, b)))).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})
