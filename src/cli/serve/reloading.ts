import type { Config } from '../../config/config.ts'
import { planChange } from '../../config/live-change.ts'
import { formatMistakes } from '../../config/mistake.ts'
import { isAppError, messageOf } from '../../errors.ts'
import type { ServiceManager } from '../../host/service-manager.ts'
import type { ClosableLog } from '../../server/log.ts'
import type { RunningServer } from '../../server/start.ts'
import { type ConfigSource, readConfigFrom } from '../load-config.ts'

export interface ReloadTools {
  readonly running: RunningServer
  readonly log: ClosableLog
  readonly manager: ServiceManager
}

/** Reads the configuration anew when asked to, and never goes over to one with a mistake in it. */
export class Reloading {
  readonly #source: ConfigSource
  readonly #started: Config
  readonly #tools: ReloadTools
  #config: Config
  #isWanted = false
  #isRunning = false

  /** @param started what the server was started with */
  constructor(source: ConfigSource, started: Config, tools: ReloadTools) {
    this.#source = source
    this.#started = started
    this.#config = started
    this.#tools = tools
  }

  /** The configuration in use. */
  get config(): Config {
    return this.#config
  }

  /** Reloads soon; once for all who ask while a reload runs. */
  request(): void {
    this.#isWanted = true
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    const { log, manager } = this.#tools
    this.#isRunning = true
    while (this.#isWanted) {
      this.#isWanted = false
      manager.reloading()
      try {
        await this.#reload()
      } catch (error) {
        if (!isAppError(error)) throw error
        log.error({ code: error.code }, `kept the old configuration: ${messageOf(error)}`)
      }
      manager.ready()
    }
    this.#isRunning = false
  }

  async #reload(): Promise<void> {
    const { running, log } = this.#tools
    const reading = readConfigFrom(this.#source)
    if (!reading.ok) {
      const { mistakes } = reading
      for (const mistake of mistakes)
        log.error(
          { code: 'BAD_CONFIG' },
          `kept the old configuration: ${formatMistakes([mistake])}`,
        )
      return
    }
    const configs = { started: this.#started, current: this.#config, wanted: reading.config }
    const { config, now, atRestart } = planChange(configs)
    await running.reload(config)
    this.#config = config
    log.setLevel(config.log.level)
    log.info({ changed: now }, `reloaded the configuration: ${listed(now)}`)
    if (atRestart.length > 0)
      log.warn({ changed: atRestart }, `changes that wait for a restart: ${listed(atRestart)}`)
  }
}

function listed(keys: readonly string[]): string {
  return keys.join(', ') || 'nothing in it has changed'
}
