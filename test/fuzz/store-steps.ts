import fc from 'fast-check'
import { type Damage, damage, type IndexRuin } from './file-damage.ts'

/** What one client asks of the server; `which` chooses the path. */
export type Ask =
  | { readonly kind: 'narinfo' | 'nar' | 'fetch'; readonly which: number }
  | { readonly kind: 'range'; readonly which: number; readonly from: number; readonly to?: number }
  | { readonly kind: 'head'; readonly which: number; readonly of: 'narinfo' | 'nar' }
  | { readonly kind: 'leave'; readonly which: number; readonly afterMs: number }
  | { readonly kind: 'absent' }

/** What happens to the files of the data directory behind the server's back. */
export type DiskHarm =
  | { readonly kind: 'disk'; readonly area: DiskArea; readonly pick: number; readonly by: Damage }
  | { readonly kind: 'index'; readonly by: IndexRuin }

export type DiskArea = 'narinfos' | 'nars' | 'temporaries'

/** What happens to the server itself. */
export type ProcessEvent =
  | {
      readonly kind: 'restart'
      readonly signal: 'SIGKILL' | 'SIGTERM'
      readonly meanwhile: readonly DiskHarm[]
    }
  | { readonly kind: 'reload'; readonly limits: Limits | 'broken' }
  | { readonly kind: 'clock' }

/** What a running server may be told to go over to. */
export interface Limits {
  readonly memory: string
  readonly maxDownloads: number
  readonly upstreamConnections: number
}

/** What happens to the upstream `at`. */
export type UpstreamEvent = { readonly at: 0 | 1 } & (
  | { readonly kind: 'down' }
  | { readonly kind: 'up' }
  | { readonly kind: 'mend' }
  | { readonly kind: 'slow'; readonly headMs: number; readonly pieceMs: number }
  | { readonly kind: 'lie'; readonly which: number; readonly place: number }
  | { readonly kind: 'lose'; readonly which: number }
)

export type Action = Ask | DiskHarm | ProcessEvent | UpstreamEvent

/** Actions that begin together, each a little later if it likes. */
export type Step = readonly { readonly afterMs: number; readonly action: Action }[]

/** One life of a data directory, from nothing. */
export interface Story {
  readonly compression: 'none' | 'zstd'
  /** whether the cache is too small for all paths */
  readonly isTight: boolean
  /** whether everything has been asked for once before the first step */
  readonly isWarm: boolean
  /** pause of both upstreams between the pieces of a NAR, so that things happen meanwhile */
  readonly pieceMs: number
  readonly steps: readonly Step[]
}

/** A place in a file, in thousandths of it. */
const place = fc.integer({ min: 0, max: 1000 })

/** @param paths how many there are to ask for */
export function story(paths: number): fc.Arbitrary<Story> {
  const which = fc.nat(paths - 1)
  const at = fc.constantFrom(0 as const, 1 as const)
  const ask = asks(which)
  const events: fc.Arbitrary<Action>[] = [diskHarm, processEvent, upstreamEvents(at, which)]
  const afterMs = fc.integer({ min: 0, max: 30 })
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.array(fc.record({ afterMs, action: ask }), bounds(1, 4)) },
    {
      weight: 3,
      arbitrary: fc.oneof(...events).map((action) => [{ afterMs: 0, action }]),
    },
    {
      weight: 6,
      arbitrary: fc
        .tuple(
          fc.array(fc.record({ afterMs, action: ask }), bounds(1, 3)),
          fc.record({ afterMs, action: fc.oneof(...events) }),
        )
        .map(([clients, event]) => [...clients, event]),
    },
  )
  return fc.record({
    compression: fc.constantFrom('none' as const, 'zstd' as const),
    isTight: fc.boolean(),
    isWarm: fc.boolean(),
    pieceMs: fc.constantFrom(0, 1, 5),
    steps: fc.array(step, { minLength: 4, maxLength: 16, size: 'max' }),
  })
}

function bounds(minLength: number, maxLength: number) {
  return { minLength, maxLength }
}

function asks(which: fc.Arbitrary<number>): fc.Arbitrary<Ask> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('narinfo', 'nar', 'fetch', 'fetch'), which }),
    },
    {
      weight: 2,
      arbitrary: fc.record(
        { kind: fc.constant('range' as const), which, from: place, to: place },
        { requiredKeys: ['kind', 'which', 'from'] },
      ),
    },
    fc.record({ kind: fc.constant('head' as const), which, of: fc.constantFrom('narinfo', 'nar') }),
    fc.record({ kind: fc.constant('leave' as const), which, afterMs: fc.nat(30) }),
    fc.record({ kind: fc.constant('absent' as const) }),
  ) as fc.Arbitrary<Ask>
}

const diskHarm: fc.Arbitrary<DiskHarm> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('disk' as const),
      area: fc.constantFrom('narinfos' as const, 'nars' as const, 'temporaries' as const),
      pick: fc.nat(20),
      by: damage,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('index' as const),
      by: fc.constantFrom<IndexRuin>('lost', 'empty', 'halved', 'random', 'foreign'),
    }),
  },
)

const processEvent: fc.Arbitrary<ProcessEvent> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      signal: fc.constantFrom('SIGKILL' as const, 'SIGTERM' as const),
      meanwhile: fc.array(diskHarm, { maxLength: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reload' as const),
      limits: fc.oneof(
        { weight: 1, arbitrary: fc.constant('broken' as const) },
        {
          weight: 3,
          arbitrary: fc.record({
            memory: fc.constantFrom('1KiB', '1MiB'),
            maxDownloads: fc.constantFrom(1, 2, 16),
            upstreamConnections: fc.constantFrom(1, 2, 64),
          }),
        },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const) }) },
)

function upstreamEvents(
  at: fc.Arbitrary<0 | 1>,
  which: fc.Arbitrary<number>,
): fc.Arbitrary<UpstreamEvent> {
  return fc.oneof(
    fc.record({ at, kind: fc.constant('down' as const) }),
    fc.record({ at, kind: fc.constant('up' as const) }),
    fc.record({ at, kind: fc.constant('mend' as const) }),
    fc.record({
      at,
      kind: fc.constant('slow' as const),
      headMs: fc.nat(80),
      pieceMs: fc.nat(8),
    }),
    fc.record({ at, kind: fc.constant('lie' as const), which, place }),
    fc.record({ at, kind: fc.constant('lose' as const), which }),
  )
}
