import type { ErrorCode } from '../errors.ts'

/**
 * The status a failure gets when nothing has been sent yet.
 *
 * Nix takes 404 as "not here": it goes on to the next substituter, or builds. A 5xx it retries, and
 * on a narinfo clients before 2.32 abort the whole command. So 404 is for what asking again will not
 * mend, 503 for what it may.
 */
export function statusOf(
  code: ErrorCode | undefined,
): 400 | 401 | 403 | 404 | 405 | 409 | 413 | 500 | 503 | 507 {
  switch (code) {
    case 'UPLOADS_OFF':
      return 405
    case 'UPLOAD_DENIED':
      return 401
    case 'UPLOAD_REFUSED':
      return 400
    case 'UPLOAD_UNSIGNED':
      return 403
    case 'UPLOAD_CONFLICT':
      return 409
    case 'UPLOAD_TOO_LARGE':
      return 413
    case 'NO_ROOM':
      return 507
    case 'UNTRUSTED':
    case 'WRONG_STORE_PATH':
    case 'FOREIGN_URL':
    case 'BAD_NARINFO':
    case 'UNVERIFIABLE':
    case 'CORRUPT':
    case 'NAR_GONE':
    case 'NAR_UNKNOWN':
    case 'UNSURE':
      return 404
    case 'NO_ANSWER':
    case 'UPSTREAM_UNREACHABLE':
    case 'UPSTREAM_STATUS':
    case 'UPSTREAM_MALFORMED':
    case 'UPSTREAM_CUT_SHORT':
    case 'UPSTREAM_STALLED':
    case 'PASSED_ON':
    case 'BUSY':
    case 'UPSTREAM_BUSY':
      return 503
    default:
      return 500
  }
}
