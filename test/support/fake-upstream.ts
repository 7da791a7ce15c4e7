import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type Answer, sendAnswer } from './answer.ts'
import { atTestEnd } from './at-test-end.ts'
import { type HttpHeader, headEnd, headerOf, parseHead } from './http-head.ts'
import { lastingPort } from './lasting-port.ts'
import { empty, plainAnswer, servedFile } from './served-file.ts'

/** A request as the upstream saw it. */
export interface UpstreamRequest {
  readonly method: string
  /** as sent: path and query */
  readonly target: string
  /** the target without its query */
  readonly path: string
  readonly headers: readonly HttpHeader[]
  /** aborted once the client is gone or the upstream closes */
  readonly signal: AbortSignal
}

/**
 * A way to misbehave: turns the answer an honest server would give into another. It may wait
 * (a gate), look at the request, or do something to the world first (a hook). Ready-made ones
 * are in faults.ts.
 */
export type Fault = (answer: Answer, request: UpstreamRequest) => Answer | Promise<Answer>

/** What a script is about: a path to the letter, a pattern, or any condition. */
export type RequestMatch = string | RegExp | ((request: UpstreamRequest) => boolean)

export interface Script {
  /** how many answers it has spoilt so far */
  readonly hits: number
  /** back to honesty */
  stop(): void
}

export interface FakeUpstream extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** every request since the start or the last forget(), in order of arrival */
  readonly requests: readonly UpstreamRequest[]
  /** open client connections, now */
  readonly connections: number
  /** requests that are being answered, now */
  readonly busy: number
  /** pause before each answer, in milliseconds: the distance of the upstream */
  delayMs: number
  /** requests that match, all of them when nothing is said */
  count(match?: RequestMatch): number
  /** sets the counts to zero */
  forget(): void
  /**
   * Spoils the answers to matching requests with these faults, applied left to right.
   * Where several scripts match, the youngest with any turns left acts alone.
   */
  script(match: RequestMatch, faults: Fault | readonly Fault[], options?: ScriptOptions): Script
  /** stops listening and resets every connection: the port is refused until up() */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

export interface ScriptOptions {
  /** matching requests to spoil before it turns honest again; without it, all */
  readonly times?: number
}

interface LiveScript extends Script {
  hits: number
  readonly match: RequestMatch
  readonly faults: readonly Fault[]
  readonly times: number
}

/**
 * An HTTP/1.1 upstream over raw sockets that serves `root` (a Nix binary cache as files), counts
 * what it is asked, and misbehaves where told to. Closed at the end of the test that started it.
 */
export async function startFakeUpstream(root: string): Promise<FakeUpstream> {
  const requests: UpstreamRequest[] = []
  const scripts: LiveScript[] = []
  const sockets = new Set<Socket>()
  let busy = 0
  const port = await lastingPort()
  let server = await listen()

  const upstream: FakeUpstream = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    delayMs: 0,
    get connections() {
      return sockets.size
    },
    get busy() {
      return busy
    },
    count: (match = () => true) => requests.filter((request) => matches(match, request)).length,
    forget: () => {
      requests.length = 0
    },
    script(match, faults, options = {}) {
      const script: LiveScript = {
        match,
        faults: typeof faults === 'function' ? [faults] : faults,
        times: options.times ?? Number.POSITIVE_INFINITY,
        hits: 0,
        stop: () => {
          const at = scripts.indexOf(script)
          if (at !== -1) scripts.splice(at, 1)
        },
      }
      scripts.unshift(script)
      return script
    },
    async down() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.resetAndDestroy()
      await closed
    },
    async up() {
      if (!server.listening) server = await listen()
    },
    close: () => upstream.down(),
    [Symbol.asyncDispose]: () => upstream.down(),
  }
  atTestEnd(upstream.close)
  return upstream

  async function listen(): Promise<Server> {
    const listener = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      // resets are what clients of this server do; 'close' follows and says enough
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
      serveConnection(socket)
    })
    listener.listen(port, '127.0.0.1')
    await once(listener, 'listening')
    return listener
  }

  function serveConnection(socket: Socket): void {
    const gone = new AbortController()
    socket.on('close', () => gone.abort())
    let unread = Buffer.alloc(0)
    let answered = Promise.resolve()
    // events, not an iterator: a client that leaves in the middle of an answer must be noticed
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk])
      for (let end = headEnd(unread); end !== undefined; end = headEnd(unread)) {
        const { startLine, headers } = parseHead(unread.subarray(0, end))
        unread = unread.subarray(end)
        const [method = '', target = ''] = startLine.split(' ')
        const path = target.replace(/\?.*$/s, '')
        const request = { method, target, path, headers, signal: gone.signal }
        requests.push(request)
        // a fault that throws is a mistake in a test, and stays unhandled to be loud
        busy += 1
        answered = answered
          .then(() => respond(request, socket))
          .catch(unlessGone(gone.signal))
          .finally(() => {
            busy -= 1
          })
      }
    })
  }

  async function respond(request: UpstreamRequest, socket: Socket): Promise<void> {
    if (upstream.delayMs > 0) await wait(upstream.delayMs, undefined, { signal: request.signal })
    let answer = await honestAnswer(request)
    const script = scripts.find(({ match, hits, times }) => hits < times && matches(match, request))
    if (script !== undefined) {
      script.hits += 1
      for (const fault of script.faults) answer = await fault(answer, request)
    }
    if (request.method === 'HEAD') answer = { ...answer, body: empty() }
    await sendAnswer(answer, socket)
    if (headerOf(request.headers, 'connection')?.toLowerCase() === 'close') socket.end()
  }

  async function honestAnswer(request: UpstreamRequest): Promise<Answer> {
    if (request.method === 'GET' || request.method === 'HEAD') return servedFile(root, request)
    return { ...plainAnswer(405, ''), end: 'fin' }
  }
}

function unlessGone(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error
  }
}

function matches(match: RequestMatch, request: UpstreamRequest): boolean {
  if (typeof match === 'string') return request.path === match
  return match instanceof RegExp ? match.test(request.target) : match(request)
}
