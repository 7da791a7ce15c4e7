import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type Journal,
  type JournalEntry,
  parseJournal,
  printEntry,
} from '../../advice/experiment/journal.ts'
import { AppError, messageOf } from '../../errors.ts'

/** Where a user's programs keep what they remember: the XDG base directory specification. */
export function defaultJournalFile(env: NodeJS.ProcessEnv = process.env): string {
  const state = env.XDG_STATE_HOME
  const base = state?.startsWith('/') ? state : join(env.HOME || homedir(), '.local', 'state')
  return join(base, 'narwhal', 'experiments.jsonl')
}

/**
 * Reads a journal; one that is not there yet is empty.
 *
 * @throws AppError JOURNAL_UNREADABLE
 */
export function readJournal(file: string): Journal {
  try {
    return parseJournal(readFileSync(file, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { entries: [], damagedLines: [] }
    throw new AppError('JOURNAL_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  }
}

/**
 * Adds a line, whole or not at all, and returns once it is on the disk. What a killed program left
 * unfinished before it stays a line of its own.
 *
 * @throws AppError CANNOT_WRITE
 */
export function appendEntry(file: string, entry: JournalEntry): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const descriptor = openSync(file, 'a+', 0o600)
    try {
      append(descriptor, printEntry(entry))
    } finally {
      closeSync(descriptor)
    }
    syncDirectory(dirname(file))
  } catch (cause) {
    throw new AppError('CANNOT_WRITE', `cannot write ${file}: ${messageOf(cause)}`, { cause })
  }
}

function append(descriptor: number, line: string): void {
  const { size } = fstatSync(descriptor)
  const last = Buffer.alloc(1)
  const isTorn = size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== 10
  const bytes = Buffer.from(`${isTorn ? '\n' : ''}${line}\n`)
  const written = writeSync(descriptor, bytes)
  if (written < bytes.length) {
    // A full disk takes a part: better none of it.
    ftruncateSync(descriptor, size)
    throw new Error('the disk is full')
  }
  fsyncSync(descriptor)
}

/** Makes a new file's name survive a power cut. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
