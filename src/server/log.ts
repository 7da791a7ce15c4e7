import pino from 'pino'
import type { Config, LogLevel } from '../config/config.ts'
import type { Log, LogFields } from '../telemetry.ts'
import { LogLimit } from './log-limit.ts'
import { openLogOutput, type StandardStream } from './log-output.ts'

export interface ClosableLog extends Log {
  /** From now on writes what is at least this important. */
  setLevel(level: LogLevel): void
  /** Writes what is still held back, in a second or not at all: nobody may be reading. */
  flush(): Promise<void>
  /** The same without waiting, for a process that must not go on. */
  flushNow(): void
}

const flushMs = 1_000
const levels = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof levels)[number]

/**
 * Opens the log on stderr: JSON for programs, one readable line for people at a terminal.
 *
 * It never blocks, whoever does or does not read it, and does not grow with the number of requests.
 *
 * @param stream where it goes; a terminal or not decides what "auto" means
 */
export function openLog(config: Config['log'], stream: StandardStream): ClosableLog {
  const asText = config.format === 'text' || (config.format === 'auto' && stream.isTTY)
  const format = asText ? textLine : jsonFormat()
  let level: LogLevel = config.level
  const output = openLogOutput(stream, (lines) =>
    format('warn', { lost: lines }, `${lines} lines of the log were lost: nobody took them`),
  )
  const limit = new LogLimit((fields, example) =>
    output.write(
      format('warn', fields, `suppressed ${fields.suppressed} more lines such as: ${example}`),
    ),
  )

  const at = (own: Level) => (fields: LogFields, message: string) => {
    if (rank(own) < rank(level)) return
    // Who debugs wants every line.
    if (own === 'debug' || limit.admits(own, fields, message))
      output.write(format(own, fields, message))
  }
  return {
    get isDebug() {
      return rank('debug') >= rank(level)
    },
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    setLevel: (wanted) => {
      level = wanted
    },
    flush: () => {
      limit.endWindow()
      return output.flush(flushMs)
    },
    flushNow: () => {
      limit.endWindow()
      output.flushNow()
    },
  }
}

/** pino's lines, as text: where they go and how many is decided here. */
function jsonFormat(): (level: Level, fields: LogFields, message: string) => string {
  let last = ''
  const destination = {
    write: (line: string) => {
      last = line
    },
  }
  const log = pino({ level: 'debug', base: null }, destination)
  return (level, fields, message) => {
    log[level](fields, message)
    return last
  }
}

function rank(level: LogLevel): number {
  return pino.levels.values[level] ?? Number.POSITIVE_INFINITY
}

function textLine(level: Level, fields: LogFields, message: string): string {
  const time = new Date().toISOString().slice(11, 19)
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value instanceof Error ? value.stack : value}`)
  return `${time} ${level.padEnd(5)} ${message}${pairs.join('')}\n`
}
