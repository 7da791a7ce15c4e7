import type { Server } from 'node:http'
import { startNarChecker } from '../codec/nar-check.ts'
import type { Config } from '../config/config.ts'
import { printCacheInfo } from '../nix/cache-info.ts'
import { formatPublicKey } from '../nix/signature.ts'
import { Narinfos } from '../proxy/narinfos.ts'
import { Nars } from '../proxy/nars.ts'
import { Disk } from '../store/disk.ts'
import type { Log } from '../telemetry.ts'
import { answer } from './answer.ts'
import { homePage } from './home-page.ts'
import { httpServer, listen } from './http-server.ts'
import { openUpstreams } from './open-upstreams.ts'

export interface RunningServer {
  /** Where it listens, as URLs, in the order configured. */
  readonly addresses: readonly string[]
  /**
   * Stops accepting, waits for the responses that run, then closes everything.
   *
   * @param drainMs how long to wait before they are cut off, in milliseconds
   */
  stop(drainMs: number): Promise<void>
}

/** Threads that check NARs: one leaves the other cores of a small machine to its clients. */
const checkWorkers = 1

/**
 * Starts the proxy: takes the data directory, then listens. It does not wait for upstreams.
 *
 * @throws AppError LOCKED, DISK, CANNOT_LISTEN, SECRET_UNREADABLE
 */
export async function start(
  config: Config,
  { log, version }: { readonly log: Log; readonly version: string },
): Promise<RunningServer> {
  const { cache, limits } = config
  const stopping = new AbortController()
  const { signal } = stopping
  const upstreams = await openUpstreams(config)
  const disk = await Disk.open({ ...cache, dataDir: config.dataDir, log })
  const checker = startNarChecker({ workers: checkWorkers })
  const shared = { disk, upstreams, storeDir: cache.storeDir, log, signal }
  const narinfos = new Narinfos({ ...shared, ...cache })
  const nars = new Nars({ ...shared, narinfos, checker, maxDownloads: limits.maxDownloads })
  const cacheInfo = printCacheInfo({
    storeDir: cache.storeDir,
    wantMassQuery: true,
    priority: cache.priority,
  })
  const home = homePage({
    version,
    upstreams: upstreams.map(({ source }) => source.name),
    publicKeys: [
      ...new Set(upstreams.flatMap(({ keys }) => [...keys.values()].map(formatPublicKey))),
    ],
  })
  const parts = {
    narinfos,
    nars,
    cacheInfo: Buffer.from(cacheInfo),
    home: Buffer.from(home),
    log,
  }

  const servers: Server[] = []
  async function closeParts(): Promise<void> {
    stopping.abort()
    await nars.close()
    await checker.close()
    await Promise.all(upstreams.map(({ source }) => source.close()))
    await disk.close()
  }

  const addresses: string[] = []
  try {
    for (const address of config.listen) {
      const server = httpServer(
        (request, response) => void answer(request, response, parts),
        limits,
      )
      addresses.push(await listen(server, address))
      servers.push(server)
    }
  } catch (error) {
    for (const server of servers) server.close()
    await closeParts()
    throw error
  }

  return {
    addresses,
    async stop(drainMs) {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
      for (const server of servers) server.closeIdleConnections()
      const cut = setTimeout(() => {
        for (const server of servers) server.closeAllConnections()
      }, drainMs)
      await Promise.all(closed)
      clearTimeout(cut)
      await closeParts()
    },
  }
}
