import type { Log } from '../telemetry.ts'

/**
 * The same log, but what happens while nobody waits for it is only worth a debug line.
 *
 * @param isQuiet asked for each line; always quiet without it
 */
export function quietly(log: Log, isQuiet: () => boolean = () => true): Log {
  const level = (name: 'info' | 'warn' | 'error') => (isQuiet() ? 'debug' : name)
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log[level('info')](fields, message),
    warn: (fields, message) => log[level('warn')](fields, message),
    error: (fields, message) => log[level('error')](fields, message),
  }
}
