import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startProxy } from '../../src/cli/demo/proxy.ts'
import type { BenchServer } from '../server.ts'
import { awaitRecompressed } from './await-recompressed.ts'
import { ahead } from './favour.ts'
import { startNginxProxy } from './nginx-proxy.ts'
import type { Contestant } from './results.ts'
import { warmUp } from './warm-up.ts'

/** Between a client and the line: nothing, or a proxy that has nothing of the closure yet. */
export interface Stage extends AsyncDisposable {
  readonly contestant: Contestant
  /** Where the client asks. */
  readonly url: string
  /** undefined: the client asks the upstream itself. */
  readonly server: BenchServer | undefined
}

export interface StageOptions {
  /** For the proxies' caches and the stores of clients; what is made in it is gone afterwards. */
  readonly directory: string
  readonly upstreamUrl: string
  readonly publicKey: string
  /** A store path whose closure the proxy warms up with. */
  readonly warmUpRoot: string
  /** Words before the client's command line. */
  readonly launcher: readonly string[]
  readonly signal: AbortSignal
}

/**
 * Sets a contestant up with a cold cache. No process is kept on a core: the real client unpacks
 * on all it can get. Both proxies go before it by the same rules.
 */
export async function openStage(contestant: Contestant, options: StageOptions): Promise<Stage> {
  if (contestant === 'direct')
    return {
      ...{ contestant, url: options.upstreamUrl, server: undefined },
      async [Symbol.asyncDispose]() {},
    }
  const directory = await mkdtemp(join(options.directory, 'narwhal-bench-server-'))
  const discard = () => rm(directory, { recursive: true, force: true })
  try {
    const server = await startServer(contestant, directory, options)
    const prepare = async () => {
      await warmUp({ ...options, url: server.url, root: options.warmUpRoot })
      // A client comes to a proxy that has nothing left to do.
      if (contestant === 'narwhal') await awaitRecompressed(server.url, options.signal)
    }
    await prepare().catch(async (error) => {
      await server[Symbol.asyncDispose]()
      throw error
    })
    return {
      ...{ contestant, url: server.url, server },
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await discard()
      },
    }
  } catch (error) {
    await discard()
    throw error
  }
}

async function startServer(
  contestant: 'nginx' | 'narwhal',
  directory: string,
  { upstreamUrl, publicKey }: StageOptions,
): Promise<BenchServer> {
  if (contestant === 'nginx') return startNginxProxy(directory, upstreamUrl)
  const proxy = await startProxy({
    ...{ dataDir: join(directory, 'data'), upstreamUrl, trustedKey: publicKey },
    launcher: ahead('proxy'),
    nodeFlags: ['--max-semi-space-size=4'],
  })
  return { ...proxy, name: 'narwhal' }
}
