import { availableParallelism } from 'node:os'
import type { Config } from '../config/config.ts'
import { readCores } from '../host/cores.ts'
import { readMemory } from '../host/memory.ts'
import { readOnBattery } from '../host/power.ts'
import { readPressure } from '../host/pressure.ts'
import { type Judgement, judgeMachine } from '../policy/recompression.ts'
import { type MayWork, mayWorkNow } from '../policy/recompression-pause.ts'
import type { Nars } from './nars.ts'

type RecompressConfig = Config['recompress']

/** What the machine tells changes no faster than this. */
const freshMs = 500
/** A client between two downloads is still at it. */
const quietMs = 3_000

const unknownMoment = {
  onBattery: undefined,
  cpuPercent: undefined,
  memoryPercent: undefined,
  loadAverage: undefined,
} as const

/** Judges the machine as it is for as long as it runs. */
export function judgeThisMachine({ enabled, level, workers }: RecompressConfig): Judgement {
  const cores = readCores(availableParallelism())
  const { totalBytes } = readMemory()
  return judgeMachine(enabled, { cores, totalBytes, level, workers })
}

/** The NARs that clients have fetched for them: how many now, and how long ago there last was one. */
type Fetches = Pick<Nars, 'fetching' | 'idleMs'>

/** Says whether the machine has time to spare now. */
export class SpareTime {
  readonly #fetches: Fetches
  #config: RecompressConfig
  #answer: MayWork = { mayWork: true }
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(config: RecompressConfig, fetches: Fetches) {
    this.#config = config
    this.#fetches = fetches
  }

  use(config: RecompressConfig): void {
    this.#config = config
  }

  /** Cheap: asked for every piece of work. */
  mayWork(): MayWork {
    const now = performance.now()
    if (now - this.#answeredAt < freshMs) return this.#answer
    this.#answeredAt = now
    const { enabled, level, workers } = this.#config
    this.#answer = mayWorkNow({
      wasWorking: this.#answer.mayWork,
      clientsWaiting: this.#fetches.idleMs < quietMs ? Math.max(1, this.#fetches.fetching) : 0,
      cores: readCores(availableParallelism()),
      availableBytes: readMemory().availableBytes,
      // Who asks for it in so many words gets it on a busy machine too.
      ...(enabled === true ? unknownMoment : { onBattery: readOnBattery(), ...readPressure() }),
      level,
      workers,
    })
    return this.#answer
  }
}
