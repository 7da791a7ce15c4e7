import { AppError } from '../errors.ts'

/**
 * The error of every decoder here: these bytes are not what `format` promises.
 *
 * @param what a clause that completes "xz stream is damaged: …"
 */
export function damaged(format: string, what: string): AppError {
  return new AppError('CORRUPT', `${format} stream is damaged: ${what}`)
}
