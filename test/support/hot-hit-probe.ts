/**
 * A process of its own that asks a server the same question a hundred times a second, and a bare
 * server beside it, until it is told to stop. Started by hot-hits.ts.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the probe has seen of one server. */
export interface ProbeResult {
  /** Milliseconds of each answer, without those any of the two waited for a processor. */
  readonly times: readonly number[]
  /** What came in place of an answer from memory. */
  readonly faults: readonly string[]
}

const everyMs = 10

if (process.argv[2] === 'bare') serveBare()
else if (process.argv[2] === 'probe') await probe(process.argv[3] ?? '', Number(process.argv[4]))

function serveBare(): void {
  const server = createServer((_, response) => response.end('hit'))
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

async function probe(url: string, pid: number): Promise<void> {
  const bare = fork(import.meta.filename, ['bare'])
  const [port] = await once(bare, 'message')
  const own = waitingOf(process.pid)
  const watches = [
    watch(url, { own, theirs: waitingOf(pid), isHit: (origin) => origin === 'memory' }),
    watch(`http://127.0.0.1:${port}/`, {
      own,
      theirs: waitingOf(bare.pid ?? 0),
      isHit: () => true,
    }),
  ]
  const timer = setInterval(() => {
    for (const { ask } of watches) ask()
  }, everyMs)
  process.on('disconnect', () => process.exit())
  process.once('message', async () => {
    clearInterval(timer)
    const results: ProbeResult[] = []
    for (const { settled } of watches) results.push(await settled())
    process.send?.(results, () => process.exit())
  })
  process.send?.('ready')
}

interface Watched {
  readonly own: () => number
  readonly theirs: () => number
  readonly isHit: (origin: unknown) => boolean
}

/** Asks over connections that are kept; a question never waits for the answer to one before. */
function watch(url: string, { own, theirs, isHit }: Watched) {
  const agent = new Agent({ keepAlive: true })
  const times: number[] = []
  const faults: string[] = []
  const running = new Set<Promise<void>>()
  const ask = () => {
    const askedAt = performance.now()
    const [ownBefore, theirsBefore] = [own(), theirs()]
    const answered = new Promise<void>((resolve) => {
      const request = get(url, { agent }, (response) => {
        const origin = response.headers['x-narwhal']
        response.resume().on('close', () => {
          const elapsed = performance.now() - askedAt
          times.push(Math.max(0, elapsed - (own() - ownBefore) - (theirs() - theirsBefore)))
          if (response.statusCode !== 200 || !isHit(origin) || !response.complete)
            faults.push(`${response.statusCode} from ${origin}`)
          resolve()
        })
      })
      request.on('error', (error) => {
        faults.push(error.message)
        resolve()
      })
    })
    running.add(answered)
    void answered.then(() => running.delete(answered))
  }
  return {
    ask,
    async settled(): Promise<ProbeResult> {
      await Promise.all(running)
      agent.destroy()
      return { times, faults }
    },
  }
}

/**
 * How long a process's main thread has been ready to run and was not let, in milliseconds; always 0
 * where the kernel does not say.
 */
function waitingOf(pid: number): () => number {
  const buffer = Buffer.alloc(128)
  return () => {
    try {
      const file = openSync(`/proc/${pid}/schedstat`, 'r')
      try {
        const text = buffer.toString('latin1', 0, readSync(file, buffer))
        return Number(text.split(' ')[1]) / 1e6
      } finally {
        closeSync(file)
      }
    } catch {
      return 0
    }
  }
}
