import { describedMachine } from '../../src/advice/described-machine.ts'
import type { Disk, Link, Machine, Troubles } from '../../src/advice/machine.ts'
import { GiB } from '../../src/units.ts'

/** One property of a machine, in rows of choices from the worst to the best. */
export interface Dimension<Value> {
  readonly name: string
  /** each row by itself is in order; between rows nothing is said */
  readonly rows: readonly (readonly Value[])[]
}

/** What a machine of the grid is made of. */
export interface GridPoint {
  readonly gib: number
  readonly threads: number
  readonly kind: Disk['kind']
  readonly freeBytes: number | undefined
  readonly link: Partial<Link> | undefined
  readonly zramBytes: number
  readonly troubles: Partial<Troubles>
}

const GB = 1e9
export const diskBytes = 250 * GB

const cable = (bitsPerSecond: number): Partial<Link> => ({ kind: 'ethernet', bitsPerSecond })
const wifi = (bitsPerSecond: number): Partial<Link> => ({ kind: 'wifi', bitsPerSecond })
const calm: Partial<Troubles> = { oomKills: 0, memoryPressure: 0, diskUtilization: 0.1 }

export const dimensions: { readonly [Name in keyof GridPoint]: Dimension<GridPoint[Name]> } = {
  gib: {
    name: 'memory',
    rows: [
      [
        0.25, 0.48, 0.96, 1.4, 1.92, 3, 3.29, 3.31, 3.5, 3.7, 5.31, 6.9, 7, 7.7, 9.4, 15.5, 31, 64,
        256,
      ],
    ],
  },
  threads: { name: 'threads', rows: [[1, 2, 3, 4, 8, 12, 16, 56]] },
  kind: {
    name: 'kind of disk',
    rows: [
      ['hdd', 'ssd', 'nvme'],
      ['sd', 'emmc', 'ssd'],
      ['usb', 'ssd'],
    ],
  },
  freeBytes: { name: 'free space', rows: [[1, 13, 20, 60, 120, 240].map((size) => size * GB)] },
  link: {
    name: 'link',
    rows: [
      [cable(100e6), cable(1e9), cable(2.5e9), cable(10e9)],
      [wifi(54e6), wifi(300e6), wifi(1.2e9), cable(1e9)],
    ],
  },
  zramBytes: { name: 'zram', rows: [[0, GiB]] },
  troubles: {
    name: 'troubles',
    rows: [
      [
        { oomKills: 5, memoryPressure: 0.4, diskUtilization: 0.99 },
        { ...calm, memoryPressure: 0.4 },
        calm,
      ],
    ],
  },
}

export function gridMachine(point: GridPoint): Machine {
  return describedMachine({
    cpu: { cores: point.threads, threads: point.threads },
    memory: { totalBytes: Math.round(point.gib * GiB), zramBytes: point.zramBytes },
    disks: [
      {
        kind: point.kind,
        ...(point.freeBytes !== undefined && { totalBytes: diskBytes, freeBytes: point.freeBytes }),
      },
    ],
    links: point.link ? [point.link] : [],
    troubles: point.troubles,
  })
}

/** Some machines in each corner: every value of each dimension meets several of all others. */
export function gridPoints(): GridPoint[] {
  const pick = <Value>({ rows }: Dimension<Value>, at: number): Value => {
    const values = rows.flat()
    return values[at % values.length] as Value
  }
  return Array.from({ length: 600 }, (_, at) => ({
    // steps that have no factor in common with the lengths, nor with each other
    gib: pick(dimensions.gib, at),
    threads: pick(dimensions.threads, Math.floor(at / 3) * 5),
    kind: at % 23 === 0 ? undefined : pick(dimensions.kind, at * 7 + Math.floor(at / 19)),
    freeBytes: at % 17 === 0 ? undefined : pick(dimensions.freeBytes, Math.floor(at / 7) * 11),
    link: at % 13 === 0 ? undefined : pick(dimensions.link, Math.floor(at / 2) * 3),
    zramBytes: pick(dimensions.zramBytes, Math.floor(at / 5)),
    troubles: at % 11 === 0 ? {} : pick(dimensions.troubles, Math.floor(at / 4)),
  }))
}
