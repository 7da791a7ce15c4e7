/** Something an operator should know; `code` is stable, the message is for people. */
export interface Note {
  readonly code:
    | 'stopping'
    | 'index-rebuilding'
    | 'upstream-down'
    | 'all-upstreams-down'
    | 'disk-unwritable'
    | 'disk-below-floor'
  readonly message: string
}

/**
 * `ready`: all is well, or will be by itself. `degraded`: it serves, but less than it should.
 * `unready`: send requests elsewhere.
 */
export type HealthState = 'ready' | 'degraded' | 'unready'

export interface Health {
  readonly state: HealthState
  readonly notes: readonly Note[]
}

export interface HealthFacts {
  readonly isStopping: boolean
  readonly upstreams: readonly {
    readonly name: string
    readonly isUp: boolean
    readonly lastError?: { readonly message: string } | undefined
  }[]
  readonly cache: {
    readonly indexIsComplete: boolean
    readonly isStoring: boolean
    readonly freeBytes: number
    readonly minFreeBytes: number
  }
}

/**
 * Judges whether the server does its work.
 *
 * Only a server that stops is unready: without any upstream it still serves all it has, and a
 * balancer that takes it out for that would take that away too.
 */
export function judgeHealth({ isStopping, upstreams, cache }: HealthFacts): Health {
  const notes: Note[] = []
  if (isStopping)
    notes.push({ code: 'stopping', message: 'lets running responses end, then exits' })
  const down = upstreams.filter(({ isUp }) => !isUp)
  if (down.length > 0 && down.length === upstreams.length)
    notes.push({
      code: 'all-upstreams-down',
      message: 'no upstream answers; only what is cached is served',
    })
  for (const { name, lastError } of down)
    notes.push({ code: 'upstream-down', message: lastError?.message ?? `${name} does not answer` })
  if (!cache.isStoring)
    notes.push({
      code: 'disk-unwritable',
      message: 'the disk cannot be written; what is fetched is passed on without being kept',
    })
  if (cache.freeBytes < cache.minFreeBytes)
    notes.push({
      code: 'disk-below-floor',
      message:
        'less of the file system is free than cache.min_free: new NARs push old ones out, or pass unkept',
    })
  const isDegraded = notes.length > 0
  if (!cache.indexIsComplete)
    notes.push({
      code: 'index-rebuilding',
      message: 'cache/ is being read into a new index; requests are served meanwhile',
    })
  return { state: isStopping ? 'unready' : isDegraded ? 'degraded' : 'ready', notes }
}
