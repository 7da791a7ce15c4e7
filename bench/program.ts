import { tmpdir } from 'node:os'
import { messageOf } from '../src/errors.ts'

/** Where a disk is not to be measured too. */
export const memoryDirectory = process.platform === 'linux' ? '/dev/shm' : tmpdir()

/** Says on stderr what a bench does. */
export function tell(text: string): void {
  process.stderr.write(`bench: ${text}\n`)
}

/**
 * Reads the flags of a bench. Asked for help it prints the usage and ends the process; on wrong
 * flags it says what is wrong, with 2.
 */
export function readFlagsOr<Flags extends { readonly help: boolean }>(
  usage: string,
  read: () => Flags,
): Flags {
  try {
    const flags = read()
    if (!flags.help) return flags
    process.stdout.write(usage)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${usage}`)
    process.exit(2)
  }
}

/** Aborts when somebody ends the bench by hand. */
export function onInterrupt(): AbortSignal {
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
  return interrupt.signal
}

/** Says why a bench ended early. @returns the exit code for it */
export function tellEnd(error: unknown, interrupted: AbortSignal): number {
  tell(interrupted.aborted ? 'interrupted' : messageOf(error))
  return interrupted.aborted ? 130 : 3
}
