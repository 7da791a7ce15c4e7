import { MiB } from '../units.ts'
import { damaged } from './damage.ts'
import { LzmaDecoder } from './lzma.ts'
import type { PackedReader } from './packed-reader.ts'

/** No LZMA2 chunk unpacks to more. */
const maxChunkBytes = 2 * MiB
/** Small files need no window of the size their dictionary may have. */
const firstWindowBytes = 256 * 1024
/**
 * A window that outgrows this gets its full size at once. Of large memory the system gives only what
 * is written to, and to double it further would hold two large windows for a while.
 */
const doubledUpToBytes = 16 * MiB

/**
 * Unpacks LZMA2 up to and including its end marker.
 *
 * Memory: the dictionary, or what was unpacked if that is less, and a quarter of it (2 MiB at
 * least) so that the history is moved seldom; and 16 MiB of smaller windows until they are collected.
 *
 * @param dictionaryBytes as the stream declares it
 * @returns pieces of at most 2 MiB, each valid until the next is asked for
 * @throws AppError CORRUPT
 */
export async function* unpackLzma2(
  reader: PackedReader,
  dictionaryBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const slackBytes = Math.max(maxChunkBytes, Math.floor(dictionaryBytes / 4))
  let window = new Uint8Array(firstWindowBytes)
  let oldest = -1 // where the history begins in the window; -1 until a chunk resets the dictionary
  let at = 0
  let position = 0
  let decoder: LzmaDecoder | undefined

  for (;;) {
    const control = (await reader.take(1))[0] as number
    if (control === 0) return
    const isPacked = control >= 0x80
    const reset = isPacked ? (control >> 5) & 3 : 0
    if (control === 1 || reset === 3) {
      oldest = at
      position = 0
      decoder = undefined
    } else if (oldest < 0 || (control > 2 && !isPacked)) {
      throw damaged('xz', `LZMA2 does not allow a chunk ${control} here`)
    }

    const sizes = await reader.take(isPacked ? 4 : 2)
    const bytes = ((control & (isPacked ? 0x1f : 0)) << 16) + uint16(sizes, 0) + 1
    const packedBytes = isPacked ? uint16(sizes, 2) + 1 : bytes
    if (reset >= 2) decoder = new LzmaDecoder(readProperties(await reader.take(1)))
    else if (reset === 1) decoder?.reset()

    if (at + bytes > window.length) {
      const kept = Math.min(at - oldest, dictionaryBytes)
      const target = roomFor(kept + bytes, window, dictionaryBytes + slackBytes)
      target.set(window.subarray(at - kept, at))
      window = target
      oldest = 0
      at = kept
    }

    const packed = await reader.take(packedBytes)
    const start = at
    at += bytes
    if (!isPacked) {
      window.set(packed, start)
    } else {
      if (!decoder) throw damaged('xz', 'an LZMA2 chunk comes before its properties')
      const run = { packed, from: 0, to: packedBytes, window, oldest, start, end: at, position }
      if (!decoder.unpack({ ...run, dictionaryBytes })) throw damaged('xz', 'LZMA does not decode')
    }
    position += bytes
    yield window.subarray(start, at)
  }
}

/** The same window when it has its full size, else one at least twice as large, and with room for `bytes`. */
function roomFor(bytes: number, window: Uint8Array<ArrayBuffer>, fullBytes: number) {
  if (window.length >= fullBytes) return window
  const wanted = Math.max(2 * window.length, bytes + window.length)
  return new Uint8Array(wanted > doubledUpToBytes ? fullBytes : Math.min(fullBytes, wanted))
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function readProperties(bytes: Uint8Array) {
  const code = bytes[0] as number
  const properties = { lc: code % 9, lp: Math.floor(code / 9) % 5, pb: Math.floor(code / 45) }
  if (properties.pb > 4 || properties.lc + properties.lp > 4)
    throw damaged('xz', `LZMA2 has no properties ${code}`)
  return properties
}
