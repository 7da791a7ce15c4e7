import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Devices want whole blocks at whole blocks; none has larger ones than a page. */
export const blockBytes = 4096
/** A page of WebAssembly's memory. */
const wasmPageBytes = 65_536

/** A file that has no name any more: whatever ends this process, its room is free again. */
export interface DirectFile extends Disposable {
  readonly descriptor: number
  /** False where the filesystem refuses O_DIRECT: then reads may come from memory. */
  readonly isDirect: boolean
}

/**
 * Opens a new file in a directory for reading and writing past the page cache, and takes its name
 * away at once.
 *
 * @throws the system's error when the directory cannot be written to
 */
export function openDirectFile(directory: string, name: string): DirectFile {
  const path = join(directory, name)
  const direct = openUnnamed(path, constants.O_DIRECT ?? 0)
  if (direct !== undefined) return direct
  const plain = openUnnamed(path, 0)
  if (plain === undefined) throw new Error(`${directory} refuses to be written to`)
  return plain
}

/** @returns undefined where the filesystem does not take the flag, on opening or on writing */
function openUnnamed(path: string, flag: number): DirectFile | undefined {
  let descriptor: number
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | flag
    descriptor = openSync(path, flags, 0o600)
  } catch (error) {
    if (flag !== 0 && isRefusal(error)) {
      // Some create the file before they refuse the flag.
      removeIfThere(path)
      return undefined
    }
    throw error
  }
  try {
    unlinkSync(path)
    writeSync(descriptor, alignedBuffer(blockBytes), 0, blockBytes, 0)
    return {
      descriptor,
      isDirect: flag !== 0,
      [Symbol.dispose]: () => closeSync(descriptor),
    }
  } catch (error) {
    closeSync(descriptor)
    if (flag !== 0 && isRefusal(error)) return undefined
    throw error
  }
}

function isRefusal(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Memory that begins at a page, as O_DIRECT asks for: of all that Node has, WebAssembly's does. */
export function alignedBuffer(bytes: number): Buffer {
  const pages = Math.ceil(bytes / wasmPageBytes)
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
  return Buffer.from(buffer, 0, bytes)
}

/** TypeScript has it among the types of browsers alone. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
}
