import pino from 'pino'
import type { Config } from '../config/config.ts'
import type { Log, LogFields } from '../telemetry.ts'

export interface ClosableLog extends Log {
  /** Writes what is still held back. */
  flush(): void
}

/**
 * Opens the log on stderr: JSON for programs, one readable line for people at a terminal.
 *
 * @param stream where it goes; a terminal or not decides what "auto" means
 */
export function openLog(
  config: Config['log'],
  stream: NodeJS.WriteStream & { readonly fd: number },
): ClosableLog {
  const asText = config.format === 'text' || (config.format === 'auto' && stream.isTTY)
  if (!asText) {
    const destination = pino.destination({ dest: stream.fd, sync: false })
    const log = pino({ level: config.level, base: null }, destination)
    return {
      debug: (fields, message) => log.debug(fields, message),
      info: (fields, message) => log.info(fields, message),
      warn: (fields, message) => log.warn(fields, message),
      error: (fields, message) => log.error(fields, message),
      flush: () => destination.flushSync(),
    }
  }
  const threshold = pino.levels.values[config.level] ?? Number.POSITIVE_INFINITY
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => {
    const isWanted = (pino.levels.values[level] ?? 0) >= threshold
    return (fields: LogFields, message: string) => {
      if (isWanted) stream.write(`${textLine(level, fields, message)}\n`)
    }
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => undefined,
  }
}

function textLine(level: string, fields: LogFields, message: string): string {
  const time = new Date().toISOString().slice(11, 19)
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value instanceof Error ? value.stack : value}`)
  return `${time} ${level.padEnd(5)} ${message}${pairs.join('')}`
}
