/** The head of an HTTP/1.1 message as it stood on the wire. */
export interface HttpHead {
  /** "GET /path HTTP/1.1" or "HTTP/1.1 200 OK" */
  readonly startLine: string
  /** in wire order, names in lower case, duplicates kept */
  readonly headers: readonly HttpHeader[]
}

export type HttpHeader = readonly [name: string, value: string]

/** Where the body begins: just past the first blank line; undefined while it has not come. */
export function headEnd(bytes: Buffer): number | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  return at === -1 ? undefined : at + 4
}

/** Reads a head, blank line included; forgiving, since the tests send and receive junk too. */
export function parseHead(bytes: Buffer): HttpHead {
  const [startLine = '', ...lines] = bytes.toString('latin1').trimEnd().split('\r\n')
  return { startLine, headers: lines.map(parseHeader) }
}

/** The first value of a header, in the manner of a lenient client. */
export function headerOf(headers: readonly HttpHeader[], name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}

function parseHeader(line: string): HttpHeader {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}
