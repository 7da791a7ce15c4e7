import { startNarChecker } from '../codec/nar-check.ts'
import { startRepacker } from '../codec/nar-repack.ts'
import type { Config } from '../config/config.ts'
import { openFileLimit } from '../host/file-descriptors.ts'
import { admissionFor } from '../policy/admission.ts'
import { PendingNars } from '../proxy/pending-nars.ts'
import { Disk } from '../store/disk.ts'
import { createTelemetry, type Log } from '../telemetry.ts'
import { answer } from './answer.ts'
import { CurrentParts } from './current-parts.ts'
import { httpServer, listen } from './http-server.ts'
import type { Foundation } from './parts.ts'
import { watchProcess } from './process-figures.ts'
import { RecentErrors } from './recent-errors.ts'
import { Streams } from './streams.ts'
import { Traffic } from './traffic.ts'

export interface RunningServer {
  /** Where it listens, as URLs, in the order configured. */
  readonly addresses: readonly string[]
  /**
   * Goes over to another configuration, as far as that takes no restart: requests that come from now
   * on are answered by it, those that run end with the old one.
   *
   * @throws AppError SECRET_UNREADABLE; then nothing has changed
   */
  reload(config: Config): Promise<void>
  /**
   * Stops accepting, waits for the responses that run, then closes everything.
   *
   * @param drainMs how long to wait before they are cut off, in milliseconds
   */
  stop(drainMs: number): Promise<void>
}

export interface StartOptions {
  readonly log: Log
  readonly version: string
  /** Descriptors of sockets that listen already; where there are any, no other address is taken. */
  readonly inherited?: readonly number[]
}

/** Threads that check NARs: one leaves the other cores of a small machine to its clients. */
const checkWorkers = 1

/**
 * Starts the proxy: takes the data directory, then listens. It does not wait for upstreams.
 *
 * @throws AppError LOCKED, DISK, CANNOT_LISTEN, SECRET_UNREADABLE, TOKENS_UNREADABLE, BAD_KEY
 */
export async function start(config: Config, options: StartOptions): Promise<RunningServer> {
  const { version, inherited = [] } = options
  const recentErrors = new RecentErrors(Date.now)
  const log = recentErrors.noting(options.log)
  const stopping = new AbortController()
  const telemetry = createTelemetry()
  const addresses: string[] = []
  const disk = await Disk.open({ ...config.cache, dataDir: config.dataDir, log, telemetry })
  const checker = startNarChecker({ workers: checkWorkers })
  const repacker = startRepacker({ workers: config.recompress.workers })
  const pending = new PendingNars(disk, telemetry.uploads)
  const watch = watchProcess()
  const descriptors = await openFileLimit()
  const { maxClients, maxStreams } = admissionFor(config.limits.maxClients, descriptors)
  const streams = new Streams(maxStreams)
  const onTurnedAway = () => {
    telemetry.shedRequests += 1
  }
  const traffic = new Traffic({ maxClients, onTurnedAway })
  const foundation: Foundation = {
    ...{
      version,
      addresses,
      disk,
      checker,
      repacker,
      pending,
      watch,
      streams,
      recentErrors,
      log,
      telemetry,
      signal: stopping.signal,
    },
    startedAt: new Date(),
    isStopping: () => traffic.isDraining,
  }
  let parts: CurrentParts | undefined

  async function close(): Promise<void> {
    stopping.abort()
    await parts?.close()
    await pending.close()
    await checker.close()
    await repacker.close()
    watch.stop()
    await disk.close()
  }

  try {
    const current = await CurrentParts.open(config, foundation, traffic)
    parts = current
    const places = inherited.length > 0 ? inherited.map((fd) => ({ fd })) : config.listen
    for (const place of places) {
      const server = httpServer((request, response) => {
        void traffic.answer(response, answer(request, response, current.get()))
      })
      traffic.watch(server)
      addresses.push(await listen(server, place))
    }
    return {
      addresses,
      async reload(next) {
        await current.change(next)
        const { maxClients, maxStreams } = admissionFor(next.limits.maxClients, descriptors)
        traffic.limit(maxClients)
        streams.limit(maxStreams)
      },
      async stop(drainMs) {
        await traffic.drain(drainMs)
        await close()
      },
    }
  } catch (error) {
    await traffic.drain(0)
    await close()
    throw error
  }
}
