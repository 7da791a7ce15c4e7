/** Fields that go with a log line; values must be JSON. */
export type LogFields = Readonly<Record<string, unknown>>

/** What rooms below the server see of the log: they know no exporter and no format. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
