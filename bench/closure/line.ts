import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { askChild } from './ask-child.ts'
import { favour } from './favour.ts'

export interface LineSetting {
  /** Of the server at its far end, on this machine. */
  readonly port: number
  readonly rttMs: number
  /** In either direction, of all connections together. */
  readonly bytesPerSecond: number
  /** True where a new connection costs what TLS over TCP does: another round trip, and slow start. */
  readonly isDear?: boolean
}

/** What has gone over a line since it was opened. */
export interface LineCounts {
  readonly connections: number
  /** Towards the server. */
  readonly sentBytes: number
  /** From the server, HTTP headers included. */
  readonly receivedBytes: number
  /** Delivered over 5 ms later than they should have been: the relay's own fault. */
  readonly lateBytes: number
}

/** A long line before a server. Disposing of it cuts it. */
export interface Line extends AsyncDisposable {
  readonly url: string
  counts(): Promise<LineCounts>
}

const relay = fileURLToPath(new URL('relay.ts', import.meta.url))

export async function openLine(setting: LineSetting): Promise<Line> {
  const child = fork(relay, [JSON.stringify(setting)])
  favour(child.pid)
  const { port } = await askChild<{ port: number }>(child)
  return {
    url: `http://127.0.0.1:${port}`,
    counts: () => askChild<LineCounts>(child, 'counts'),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
