import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { KiB } from '../../src/units.ts'
import { runCommand } from '../cli/run-command.ts'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { type Baseline, baselineOf, expectCalm, type Peer } from '../support/oracles.ts'
import { removeTree, tempDir } from '../support/temp-dir.ts'
import type { Limits } from './store-steps.ts'

const clockShift = join(import.meta.dirname, '../support/shifted-clock.ts')
const usualLimits: Limits = { memory: '64MiB', maxDownloads: 16, upstreamConnections: 64 }

export interface DrivenOptions {
  /** best first */
  readonly upstreams: readonly string[]
  readonly trustedKey: string
  /** cache.max_size; a whole number of KiB */
  readonly maxBytes: number | undefined
}

/** A server process that is killed, restarted, reloaded and put into other times: one after the other. */
export class DrivenServer {
  readonly #options: DrivenOptions
  readonly #configFile: string
  readonly #narwhal: NarwhalProcess
  #baseline: Baseline
  #isRunning = true
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    options: DrivenOptions,
    server: {
      readonly configFile: string
      readonly narwhal: NarwhalProcess
      readonly baseline: Baseline
    },
  ) {
    this.#options = options
    this.#configFile = server.configFile
    this.#narwhal = server.narwhal
    this.#baseline = server.baseline
  }

  static async start(options: DrivenOptions): Promise<DrivenServer> {
    const configFile = join(await tempDir('config'), 'narwhal.toml')
    await writeFile(configFile, configText(options, usualLimits))
    const { maxBytes, trustedKey } = options
    const narwhal = await startNarwhal({
      upstreams: [],
      trustedKeys: [trustedKey],
      env: { NODE_OPTIONS: `--import ${clockShift}` },
      args: [
        ...['--config', configFile],
        ...(maxBytes === undefined ? [] : ['--max-size', `${maxBytes / KiB}KiB`]),
      ],
    })
    return new DrivenServer(options, { configFile, narwhal, baseline: await baselineOf(narwhal) })
  }

  get port(): number {
    return this.#narwhal.port
  }

  get dataDir(): string {
    return this.#narwhal.dataDir
  }

  /** All it has logged. */
  get log(): string {
    return this.#narwhal.stderr
  }

  /** False from its end to the next start. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** @param meanwhile done while it does not run */
  restart(signal: 'SIGKILL' | 'SIGTERM', meanwhile = async () => {}): Promise<void> {
    return this.#inTurn(async () => {
      if (signal === 'SIGKILL') await this.#narwhal.kill()
      else await this.stop()
      this.#isRunning = false
      await meanwhile()
      await this.#narwhal.restart()
      this.#isRunning = true
      this.#baseline = await baselineOf(this.#narwhal)
    })
  }

  /** Has it read its configuration anew; a broken one must change nothing. */
  reload(limits: Limits | 'broken'): Promise<void> {
    return this.#inTurn(async () => {
      const isBroken = limits === 'broken'
      const write = (text: string) => writeFile(this.#configFile, text)
      await write(isBroken ? 'nonsense = [' : configText(this.#options, limits))
      await this.#signalled('SIGHUP', isBroken ? /kept the old/ : /reloaded the configuration/)
      // the next start reads it too
      if (isBroken) await write(configText(this.#options, usualLimits))
    })
  }

  /** Sets its clock years forward or back. */
  shiftClock(): Promise<void> {
    return this.#inTurn(() => this.#signalled('SIGUSR2', /the clock says/))
  }

  /** Has the data directory searched and mended; to be called while it does not run. */
  async verify(): Promise<void> {
    const { code, stderr } = await runCommand([
      ...['verify', '--repair', '--config', this.#configFile, '--data-dir', this.dataDir],
      ...['--trusted-key', this.#options.trustedKey],
    ])
    // 1: not all could be mended at once, and what could not is deleted
    expect([0, 1], stderr).toContain(code)
  }

  /** Oracle C. */
  expectCalm(peers: readonly Peer[]): Promise<void> {
    return expectCalm(this.#narwhal, this.#baseline, peers)
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    expect(await this.#narwhal.stop(), 'exit code').toBe(0)
  }

  /** Ends it, and removes all it has had. */
  async release(): Promise<void> {
    await this.#narwhal.kill()
    await removeTree(this.dataDir)
    await removeTree(dirname(this.#configFile))
  }

  async #signalled(signal: NodeJS.Signals, answer: RegExp): Promise<void> {
    const before = this.log.length
    this.#narwhal.signal(signal)
    await expect.poll(() => this.log.slice(before), { interval: 5 }).toMatch(answer)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

function configText({ upstreams }: DrivenOptions, limits: Limits): string {
  return [
    // absences and failures are forgotten soon, so that a run need not wait for that
    `[cache]\nmemory = "${limits.memory}"\nnegative_ttl = "200ms"\nmin_free = "1MiB"`,
    `[limits]\npatience = "500ms"\nmax_downloads = ${limits.maxDownloads}`,
    `upstream_connections = ${limits.upstreamConnections}`,
    ...upstreams.map((url, at) => `[[upstream]]\nurl = "${url}"\npriority = ${10 + at}`),
    '',
  ].join('\n')
}
