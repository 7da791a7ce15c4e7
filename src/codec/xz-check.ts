import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Crc64 } from './crc64.ts'

/** The check that follows each block of an xz stream. */
export interface XzCheck {
  readonly bytes: number
  start(): { update(piece: Uint8Array): void; digest(): Uint8Array }
}

/** The checks of the .xz file format, section 2.1.1.2, that have a meaning, by their number. */
export const xzChecks: Readonly<Record<number, XzCheck>> = {
  0: { bytes: 0, start: () => ({ update() {}, digest: () => new Uint8Array(0) }) },
  1: { bytes: 4, start: startCrc32 },
  4: { bytes: 8, start: () => new Crc64() },
  10: { bytes: 32, start: () => createHash('sha256') },
}

function startCrc32() {
  let crc = 0
  return {
    update(piece: Uint8Array): void {
      crc = crc32(piece, crc)
    },
    digest(): Uint8Array {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32LE(crc)
      return bytes
    },
  }
}
