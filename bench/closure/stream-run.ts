import { Agent } from 'node:http'
import { parseNarInfo } from '../../src/nix/narinfo.ts'
import { spreadOf } from '../series.ts'
import { type Download, download } from './download.ts'
import type { StreamRun } from './results.ts'
import type { Stage } from './stage.ts'

export interface StreamRunOptions {
  readonly stage: Stage
  /** Hashes of the store paths whose first byte is waited for. */
  readonly bigHashes: readonly string[]
  readonly largeHash: string
  readonly signal: AbortSignal
}

/**
 * Fetches single files of a cold cache as a client does, the narinfo first, all over one
 * connection: what is measured is never the handshake.
 */
export async function runStreams(options: StreamRunOptions): Promise<StreamRun> {
  const { stage, signal } = options
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const fetchNar = async (hash: string): Promise<Download> => {
    const narinfo = `${stage.url}/${hash}.narinfo`
    const { text } = await download(narinfo, { agent, signal, wantsText: true })
    return download(`${stage.url}/${parseNarInfo(text).url}`, { agent, signal })
  }
  try {
    const firstBytesMs: number[] = []
    for (const hash of options.bigHashes) firstBytesMs.push((await fetchNar(hash)).firstByteMs)
    const { bytes, wallMs } = await fetchNar(options.largeHash)
    return {
      contestant: stage.contestant,
      firstByteMs: spreadOf(firstBytesMs).median,
      bytesPerSecond: (bytes / wallMs) * 1000,
    }
  } finally {
    agent.destroy()
  }
}
