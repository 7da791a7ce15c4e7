// CRC-64 of ECMA-182, bits reflected, as xz computes it (the .xz file format, section 3.4).
// A 64-bit value is two signed 32-bit halves; table n folds in a byte that n more bytes follow.
const polynomialHigh = 0xc96c5795 | 0
const polynomialLow = 0xd7870f42 | 0
const high = new Int32Array(4 * 256)
const low = new Int32Array(4 * 256)
for (let i = 0; i < 4 * 256; i++) {
  let h = i < 256 ? 0 : (high[i - 256] as number)
  let l = i < 256 ? i : (low[i - 256] as number)
  for (let bit = 0; bit < 8; bit++) {
    const odd = l & 1
    l = (l >>> 1) | (h << 31)
    h >>>= 1
    if (odd) {
      l ^= polynomialLow
      h ^= polynomialHigh
    }
  }
  high[i] = h
  low[i] = l
}

/** A CRC-64 in the making. */
export class Crc64 {
  #high = -1
  #low = -1

  update(bytes: Uint8Array): void {
    let h = this.#high
    let l = this.#low
    let at = 0
    // Four bytes a turn: twice as fast as one, and it runs over all that xz unpacks.
    for (const whole = bytes.length & ~3; at < whole; at += 4) {
      const a = 768 + ((l ^ (bytes[at] as number)) & 255)
      const b = 512 + (((l >>> 8) ^ (bytes[at + 1] as number)) & 255)
      const c = 256 + (((l >>> 16) ^ (bytes[at + 2] as number)) & 255)
      const d = ((l >>> 24) ^ (bytes[at + 3] as number)) & 255
      l = h ^ (low[a] as number) ^ (low[b] as number) ^ (low[c] as number) ^ (low[d] as number)
      h = (high[a] as number) ^ (high[b] as number) ^ (high[c] as number) ^ (high[d] as number)
    }
    for (; at < bytes.length; at++) {
      const entry = (l ^ (bytes[at] as number)) & 255
      l = ((l >>> 8) | (h << 24)) ^ (low[entry] as number)
      h = (h >>> 8) ^ (high[entry] as number)
    }
    this.#high = h
    this.#low = l
  }

  /** The 8 bytes of the checksum, least significant first, as xz stores it. */
  digest(): Uint8Array {
    const bytes = new Uint8Array(8)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, ~this.#low, true)
    view.setInt32(4, ~this.#high, true)
    return bytes
  }
}
