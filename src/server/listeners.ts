import type { ServerResponse } from 'node:http'

/** A listener that has not taken the last event after so many more is dropped. */
const maxMissed = 5

/**
 * Who listens to server-sent events. Each event is made once for all; nobody's events wait in memory:
 * who has not taken the last one misses the next, and who misses several is dropped.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class Listeners {
  readonly #max: number
  readonly #missed = new Map<ServerResponse, number>()

  /** @param max how many may listen at once */
  constructor(max: number) {
    this.#max = max
  }

  get count(): number {
    return this.#missed.size
  }

  get isFull(): boolean {
    return this.#missed.size >= this.#max
  }

  /** Takes over a response whose head has been written. */
  add(response: ServerResponse, greeting: string): void {
    this.#missed.set(response, 0)
    response.once('close', () => this.#missed.delete(response))
    response.write(greeting)
  }

  send(text: string): void {
    const bytes = Buffer.from(text)
    for (const [response, missed] of this.#missed) {
      if (response.writableLength === 0) {
        this.#missed.set(response, 0)
        response.write(bytes)
      } else if (missed < maxMissed) this.#missed.set(response, missed + 1)
      else response.destroy()
    }
  }

  /** Ends all of them; browsers come again by themselves. */
  close(): void {
    for (const response of this.#missed.keys()) response.end()
  }
}

/** An event as it travels. JSON has no line breaks of its own, so one line of data is enough. */
export function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

/** Says nothing, so that nobody in between takes the connection for dead. */
export const heartbeat = ':\n\n'
