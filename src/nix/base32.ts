import { AppError } from '../errors.ts'

/** Nix's own base-32 digits, in order of value: no e, o, t or u (nix32Chars in libutil/hash.cc). */
const digits = '0123456789abcdfghijklmnpqrsvwxyz'

const valueOfCode = new Int8Array(128).fill(-1)
for (const [value, digit] of [...digits].entries()) valueOfCode[digit.charCodeAt(0)] = value

/** How many nix32 digits `byteCount` bytes take. */
function digitCount(byteCount: number): number {
  return Math.ceil((byteCount * 8) / 5)
}

/**
 * Writes bytes in nix32: the bytes are one little-endian integer, its 5-bit digits written from the
 * most significant down.
 */
export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  for (let digit = digitCount(bytes.length) - 1; digit >= 0; digit--) {
    const bit = digit * 5
    const byte = bit >> 3
    const pair = (bytes[byte] as number) | ((bytes[byte + 1] ?? 0) << 8)
    text += digits[(pair >> (bit & 7)) & 31]
  }
  return text
}

/**
 * Reads nix32.
 *
 * @throws AppError BAD_BASE32 for other letters, for a length no whole number of bytes has, and for
 * spare bits that are not zero, so that every value has exactly one spelling
 */
export function decodeBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8))
  if (digitCount(bytes.length) !== text.length)
    throw new AppError('BAD_BASE32', `no number of bytes takes ${text.length} base32 digits`)
  for (let digit = 0; digit < text.length; digit++) {
    const value = valueOfCode[text.charCodeAt(text.length - 1 - digit)] ?? -1
    if (value < 0) throw new AppError('BAD_BASE32', `${JSON.stringify(text)} is not Nix base32`)
    const bit = digit * 5
    const byte = bit >> 3
    const pair = value << (bit & 7)
    bytes[byte] = (bytes[byte] as number) | (pair & 255)
    const carry = pair >> 8
    if (byte + 1 < bytes.length) bytes[byte + 1] = carry
    else if (carry !== 0)
      throw new AppError('BAD_BASE32', `${JSON.stringify(text)} has spare bits set`)
  }
  return bytes
}
