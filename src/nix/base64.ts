/**
 * Reads canonical base64: padded, no white space, no spare bits, so that every value has exactly
 * one spelling.
 *
 * @returns undefined when `text` is anything else
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  // A copy: a small Buffer is a window on a shared 8 KiB pool, which it would keep alive.
  return bytes.toString('base64') === text ? Uint8Array.from(bytes) : undefined
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
