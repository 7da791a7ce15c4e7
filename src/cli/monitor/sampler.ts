import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { HostSampler } from './host-sampler.ts'
import type { Sample } from './sample.ts'
import { ServerSampler } from './server-sampler.ts'

/** Takes samples of a server and of this machine at the same moment. */
export class Sampler {
  readonly #host: HostSampler
  readonly #server: ServerSampler
  readonly #port: number | undefined
  #lastMs = performance.now()

  constructor({ url, dataDir }: { url: URL; dataDir: string }) {
    this.#host = new HostSampler(dataDir)
    this.#server = new ServerSampler(url)
    this.#port = isHere(url)
      ? Number(url.port || (url.protocol === 'https:' ? 443 : 80))
      : undefined
  }

  /** @param timeoutMs how long the server may take */
  async take(timeoutMs: number): Promise<Sample> {
    const [server, host] = await Promise.all([
      this.#server.sample(timeoutMs),
      this.#host.sample(this.#port),
    ])
    const nowMs = performance.now()
    const seconds = (nowMs - this.#lastMs) / 1000
    this.#lastMs = nowMs
    return { at: new Date().toISOString(), seconds, server, host }
  }
}

/** Whether a URL names this machine by an address it can be sure of. */
function isHere({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === 'localhost') return true
  if (isIP(host) === 0) return false
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return host.startsWith('127.') || own.some(({ address }) => address === host)
}
