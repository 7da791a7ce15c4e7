/** What one end of a transfer counted. */
export interface Tally {
  readonly bytes: number
  readonly seconds: number
  /** share of one core this process used meanwhile */
  readonly cpuShare: number
}

/** What the end that asks wants to do. */
export interface Order {
  readonly direction: 'send' | 'receive'
  readonly seconds: number
}

const greeting = 'narwhal-link/1'

/** The first line of a connection. */
export function formatOrder({ direction, seconds }: Order): string {
  return `${greeting} ${direction} ${seconds}\n`
}

export function parseOrder(text: string): Order | undefined {
  const match = /^narwhal-link\/1 (send|receive) (\d+(?:\.\d+)?)\n/.exec(text)
  if (!match) return undefined
  return { direction: match[1] as Order['direction'], seconds: Number(match[2]) }
}

/** What is transferred; a tally behind it can be told apart, as JSON holds no zero byte. */
export function zeros(bytes: number): Buffer {
  return Buffer.alloc(bytes)
}

export function formatTally(tally: Tally): string {
  return `${JSON.stringify(tally)}\n`
}

/** @returns undefined for anything but a tally */
export function parseTally(text: string): Tally | undefined {
  try {
    const { bytes, seconds, cpuShare } = JSON.parse(text) as Tally
    const isRight = [bytes, seconds, cpuShare].every((figure) => Number.isFinite(figure))
    return isRight ? { bytes, seconds, cpuShare } : undefined
  } catch {
    return undefined
  }
}
