import { type ErrorCode, errorTable } from '../errors.ts'
import type { Log, LogFields } from '../telemetry.ts'

/** Something that went wrong lately, as often as it did. */
export interface RecentError {
  readonly code: string
  /** Of the last one. */
  readonly message: string
  /** What to do about it; undefined for what nobody foresaw. */
  readonly hint: string | undefined
  readonly count: number
  /** When it was last seen, in milliseconds since 1970. */
  readonly at: number
}

const maxKept = 20
const maxMessageLength = 300

/** Remembers what the log was told went wrong: for each code and upstream the last, and how often. */
export class RecentErrors {
  readonly #errors = new Map<string, RecentError>()
  readonly #now: () => number

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Last seen first. */
  list(): RecentError[] {
    return [...this.#errors.values()].reverse()
  }

  countOf(code: ErrorCode): number {
    let count = 0
    for (const error of this.#errors.values()) if (error.code === code) count += error.count
    return count
  }

  /** The same log; what goes wrong is remembered as it passes. */
  noting(log: Log): Log {
    return {
      get isDebug() {
        return log.isDebug ?? false
      },
      debug: (fields, message) => log.debug(fields, message),
      info: (fields, message) => {
        // With a code it is an error, if one that is no reason to wake anybody.
        if (fields.code !== undefined) this.#note(fields, message)
        log.info(fields, message)
      },
      warn: (fields, message) => {
        // Without one it tells what follows from an error that was told before.
        if (fields.code !== undefined) this.#note(fields, message)
        log.warn(fields, message)
      },
      error: (fields, message) => {
        this.#note(fields, message)
        log.error(fields, message)
      },
    }
  }

  #note({ code, upstream, url }: LogFields, message: string): void {
    const name = typeof code === 'string' ? code : 'UNEXPECTED'
    const text = message.slice(0, maxMessageLength)
    // The way upstream has said it already; the request that took it only repeats it.
    if (url !== undefined && this.list().some((one) => one.code === name && one.message === text))
      return
    const key = `${name} ${upstream ?? ''}`
    const count = (this.#errors.get(key)?.count ?? 0) + 1
    // Put last again: the order of the map is that of the last time.
    this.#errors.delete(key)
    this.#errors.set(key, {
      code: name,
      message: text,
      hint: Object.hasOwn(errorTable, name) ? errorTable[name as ErrorCode] : undefined,
      count,
      at: this.#now(),
    })
    const [oldest] = this.#errors.keys()
    if (this.#errors.size > maxKept && oldest !== undefined) this.#errors.delete(oldest)
  }
}
