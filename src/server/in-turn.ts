import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Lets the requests of one connection wait for each other. Node hands over all that were pipelined
 * at once, some hundred of them, and what each answer holds (a buffer, an open file) would add up
 * while a client that never reads keeps them all waiting.
 */
export function inTurn(handle: Handler): Handler {
  const last = new WeakMap<Socket, ServerResponse>()
  return (request, response) => {
    const { socket } = request
    const before = last.get(socket)
    last.set(socket, response)
    if (!before || before.closed) handle(request, response)
    else
      before.once('close', () => {
        // An answer to a connection that has ended would wait for it for ever.
        if (!socket.destroyed && !socket.writableEnded) handle(request, response)
      })
  }
}
