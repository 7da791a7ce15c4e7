import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onCore } from './server.ts'

/** What a load generator does to a server. */
export interface Load {
  readonly url: string
  /** Asked for in turn. */
  readonly paths: readonly string[]
  readonly connections: number
  readonly seconds: number
  /** Before it counts: a generator that has just started is slower than the server. */
  readonly leadSeconds?: number
}

export interface LoadResult {
  /** Answers that came whole. */
  readonly responses: number
  /** Bytes of bodies, those of the answers cut off at the end too. */
  readonly bytes: number
  readonly seconds: number
  /** Of the answers, from question to end. */
  readonly medianMs: number
}

const generator = fileURLToPath(new URL('load-generator.ts', import.meta.url))

/**
 * Runs a load generator on the core that is kept for it.
 *
 * @throws Error when any answer was not a whole 200
 */
export async function runLoad(load: Load): Promise<LoadResult> {
  const [program = process.execPath, ...words] = [
    ...onCore('load'),
    ...[process.execPath, generator, JSON.stringify(load)],
  ]
  const { stdout } = await promisify(execFile)(program, words).catch((cause) => {
    const reason = /^Error: (.*)$/m.exec(cause.stderr)?.[1]
    throw new Error(reason ?? `the load generator ended with ${cause.signal ?? cause.code}`, {
      cause,
    })
  })
  return JSON.parse(stdout)
}
