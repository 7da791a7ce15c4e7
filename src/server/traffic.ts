import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a stop waits for the request of a client that has just connected. */
const silenceMs = 2_000

export interface TrafficOptions {
  /** Client connections open at once, on all addresses together. */
  readonly maxClients: number
  /** Told of each client that is turned away because there are that many. */
  readonly onTurnedAway: () => void
}

/**
 * Knows which connections are open and which answers run, so that there are never too many, and a
 * stop ends none of them early.
 */
export class Traffic {
  #maxClients: number
  readonly #onTurnedAway: () => void
  readonly #servers = new Set<Server>()
  readonly #sockets = new Set<Socket>()
  readonly #answers = new Set<ServerResponse>()
  #isDraining = false

  constructor({ maxClients, onTurnedAway }: TrafficOptions) {
    this.#maxClients = maxClients
    this.#onTurnedAway = onTurnedAway
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Watches a server's connections from here on. */
  watch(server: Server): void {
    this.#servers.add(server)
    // The cheapest way to turn someone away, where one address has as many as all may have.
    server.maxConnections = this.#maxClients
    server.on('drop', this.#onTurnedAway)
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= this.#maxClients) {
        socket.destroy()
        this.#onTurnedAway()
        return
      }
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Sets how many connections there may be from now on. */
  limit(maxClients: number): void {
    this.#maxClients = maxClients
    for (const server of this.#servers) server.maxConnections = maxClients
  }

  /** Counts an answer until `work` has ended. */
  async answer(response: ServerResponse, work: Promise<void>): Promise<void> {
    this.#answers.add(response)
    if (this.#isDraining) response.shouldKeepAlive = false
    try {
      await work
    } finally {
      this.#answers.delete(response)
    }
  }

  /** Settles once the answers that run now have ended. */
  async settled(): Promise<void> {
    const open = [...this.#answers].filter((response) => !response.closed)
    await Promise.all(open.map((response) => once(response, 'close')))
  }

  /**
   * Stops accepting, and settles once every answer has ended or `maxMs` have passed. Sockets that
   * were inherited stay open where they came from: who connects now waits there.
   */
  async drain(maxMs: number): Promise<void> {
    this.#isDraining = true
    const closed = [...this.#servers].map((server) => {
      const ended = once(server, 'close')
      // This closes the idle connections as well.
      server.close()
      return ended
    })
    for (const response of this.#answers) closeAfter(response)
    const timers = [
      setTimeout(() => this.#closeSilent(), Math.min(silenceMs, maxMs)),
      setTimeout(() => this.#cut(), maxMs),
    ]
    await Promise.all(closed)
    for (const timer of timers) clearTimeout(timer)
  }

  /** Hangs up where no answer runs; what has been written is still sent. */
  #closeSilent(): void {
    const busy = new Set([...this.#answers].map(({ req }) => req.socket))
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroySoon()
  }

  #cut(): void {
    for (const server of this.#servers) server.closeAllConnections()
  }
}

/** Ends a connection with this answer, and says so where that is still possible. */
function closeAfter(response: ServerResponse<IncomingMessage>): void {
  if (!response.headersSent) {
    response.shouldKeepAlive = false
    return
  }
  const { socket } = response.req
  response.once('finish', () => socket.destroySoon())
}
