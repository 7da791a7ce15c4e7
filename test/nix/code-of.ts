import type { ErrorCode } from '../../src/errors.ts'
import { AppError } from '../../src/errors.ts'

/** The code of the AppError that `action` throws; undefined when it throws nothing. */
export function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}
