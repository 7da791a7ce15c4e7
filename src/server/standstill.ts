import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A client that takes nothing for this long is gone; one that takes a little now and then is not. */
const maxStandstillMs = 300_000
const lookEveryMs = 30_000

interface Look {
  /** The last one that was asked for on its connection. */
  readonly response: ServerResponse
  /** By performance.now(); so is `lookedAt`. */
  stillSince: number
  lookedAt: number
}

/**
 * Cuts off clients that take nothing of an answer, whatever they asked for. The socket says when
 * nothing has moved since it was last looked at; the rest is counting.
 */
export function cutAtStandstill(
  server: Server,
  times = { standstillMs: maxStandstillMs, lookEveryMs },
): void {
  const looks = new WeakMap<Socket, Look>()
  const begin = ({ socket }: IncomingMessage, response: ServerResponse) => {
    looks.set(socket, { response, stillSince: 0, lookedAt: Number.NEGATIVE_INFINITY })
  }
  server.on('request', begin).on('checkContinue', begin)
  server.setTimeout(times.lookEveryMs, (socket) => {
    const look = looks.get(socket)
    // One that is kept alive has been silent for as long as it may.
    if (!look || look.response.closed) {
      socket.destroy()
      return
    }
    const now = performance.now()
    // Where nothing waits to be taken, the client waits for us; and whatever moves puts off the next look.
    if (socket.writableLength === 0) look.stillSince = now
    else if (now - look.lookedAt > 1.5 * times.lookEveryMs)
      look.stillSince = now - times.lookEveryMs
    look.lookedAt = now
    if (now - look.stillSince >= times.standstillMs) socket.destroy()
    else socket.setTimeout(times.lookEveryMs)
  })
}
