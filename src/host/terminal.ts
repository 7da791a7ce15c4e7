import { closeSync, openSync } from 'node:fs'

/** True while this process has a terminal; one that was closed counts no more. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
