import { connect } from 'node:net'
import type { LossReading } from '../../advice/link/reading.ts'

const attempts = 150
/** Enough to say that packets are lost, or that nobody is there; each costs a second or more. */
const enoughLost = 5
const enoughSilence = 2
const timeoutMs = 2500
/** TCP sends the first packet of a connection again after a second: RFC 6298. */
const resentAfterMs = 900

export interface HandshakeReading {
  /** milliseconds each, of those that needed no second try */
  readonly timesMs: readonly number[]
  readonly loss: LossReading
}

/**
 * Times the opening of TCP connections, one after another: a round trip each. A refusal takes one
 * too, so nothing need listen there. One that takes a second has lost a packet.
 *
 * @returns undefined when nobody answers
 */
export async function measureHandshakes(
  to: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<HandshakeReading | undefined> {
  const timesMs: number[] = []
  let lost = 0
  while (timesMs.length + lost < attempts && lost < enoughLost) {
    signal.throwIfAborted()
    const timeMs = await openOnce(to)
    if (timeMs !== undefined && timeMs < resentAfterMs) timesMs.push(timeMs)
    else lost += 1
    if (timesMs.length === 0 && lost >= enoughSilence) return undefined
  }
  const sent = timesMs.length + lost
  return { timesMs, loss: { method: 'tcp', sent, received: sent - lost } }
}

/** True when somebody takes a connection there. */
export function isListening(to: { address: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: to.address, port: to.port })
    socket.setTimeout(timeoutMs)
    for (const [event, answer] of [
      ['connect', true],
      ['error', false],
      ['timeout', false],
    ] as const)
      socket.once(event, () => {
        socket.destroy()
        resolve(answer)
      })
  })
}

function openOnce({
  address,
  port,
}: {
  address: string
  port: number
}): Promise<number | undefined> {
  return new Promise((resolve) => {
    const start = performance.now()
    const socket = connect({ host: address, port, noDelay: true })
    const end = (timeMs: number | undefined) => {
      socket.destroy()
      resolve(timeMs)
    }
    socket.setTimeout(timeoutMs, () => end(undefined))
    socket.once('connect', () => end(performance.now() - start))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? performance.now() - start : undefined),
    )
  })
}
