import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { KiB } from '../../src/units.ts'
import { auditDataDir, lies } from '../support/audit-data-dir.ts'
import type { FakeUpstream } from '../support/fake-upstream.ts'
import type { SyntheticCache } from '../support/synthetic-cache.ts'
import { DrivenServer } from './driven-server.ts'
import { type Bent, damageFile, ruinIndex } from './file-damage.ts'
import { type FlawedUpstream, flawedUpstream } from './flawed-upstream.ts'
import { askAndJudge, fileOf, type Original } from './judged-client.ts'
import type { Action, DiskArea, DiskHarm, Step, Story, UpstreamEvent } from './store-steps.ts'
import { Troubles } from './troubles.ts'

/** A cache, the model of what is in it, and two upstreams that serve it. */
export interface Origin {
  readonly cache: SyntheticCache
  readonly originals: ReadonlyMap<number, Original>
  readonly upstreams: readonly [FakeUpstream, FakeUpstream]
}

/** The real server on a data directory of its own, with all that may happen to it, and the model of it. */
export class StoreWorld {
  readonly #origin: Origin
  readonly #flawed: readonly [FlawedUpstream, FlawedUpstream]
  readonly #troubles = new Troubles()
  readonly #server: DrivenServer
  readonly #maxBytes: number | undefined
  /** Paths the first and the second upstream have lied about. */
  readonly #liedAbout = [new Set<number>(), new Set<number>()] as const
  #isIndexRuined = false

  private constructor(origin: Origin, server: DrivenServer, maxBytes: number | undefined) {
    this.#origin = origin
    const [first, second] = origin.upstreams
    this.#flawed = [flawedUpstream(first), flawedUpstream(second)]
    this.#server = server
    this.#maxBytes = maxBytes
  }

  static async start(origin: Origin, { isTight, pieceMs }: Story): Promise<StoreWorld> {
    const total = [...origin.originals.values()].reduce((sum, { nar }) => sum + nar.length, 0)
    const maxBytes = isTight ? Math.ceil(total / 2 / KiB) * KiB : undefined
    const server = await DrivenServer.start({
      upstreams: origin.upstreams.map(({ url }) => url),
      trustedKey: origin.cache.publicKey,
      maxBytes,
    })
    const world = new StoreWorld(origin, server, maxBytes)
    for (const flawed of world.#flawed) flawed.slow(0, pieceMs)
    return world
  }

  /** All the server has logged. */
  get log(): string {
    return this.#server.log
  }

  /** Does what the step says; every answer is held against the model. */
  async take(step: Step): Promise<void> {
    const works = step.map(async ({ afterMs, action }) => {
      await wait(afterMs)
      await this.#do(action).catch((cause: Error) => {
        throw new Error(`${JSON.stringify(action)}: ${cause.message}`, { cause })
      })
    })
    const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  /**
   * Ends all faults, and expects that soon everything is served, nothing is held, and,
   * after the end, nothing on the disk is a lie.
   */
  async recover(): Promise<void> {
    for (const at of [0, 1] as const) {
      await this.#doUpstream({ kind: 'mend', at })
      await this.#doUpstream({ kind: 'up', at })
    }
    const [byFirst, bySecond] = this.#liedAbout
    // for a minute nobody is left to ask for what both have lied about
    const haveBothLied = [...byFirst].some((which) => bySecond.has(which))
    if (this.#troubles.needVerify) await this.#restart('SIGTERM', () => this.#verify())
    else if (this.#troubles.needRebuild || haveBothLied) await this.#restart('SIGTERM')
    const { recoversWithinMs } = this.#troubles
    this.#troubles.end()
    await this.#expectAllServed(recoversWithinMs)
    await this.#server.expectCalm(this.#origin.upstreams)
    await this.#server.stop()
    if (this.#isIndexRuined) {
      await this.#restart('SIGTERM')
      await expect.poll(() => this.#audit(), { message: lies }).toEqual([])
      await this.#server.stop()
    }
    expect(await this.#audit(), lies).toEqual([])
  }

  async release(): Promise<void> {
    await this.#server.release()
    for (const flawed of this.#flawed) await flawed.release()
  }

  #do(action: Action): Promise<void> {
    switch (action.kind) {
      case 'disk':
      case 'index':
        return this.#harm(action)
      case 'restart':
        return this.#restart(action.signal, async () => {
          for (const harm of action.meanwhile) await this.#harm(harm)
        })
      case 'reload':
        return this.#server.reload(action.limits)
      case 'clock':
        return this.#server.shiftClock()
      case 'down':
      case 'up':
      case 'mend':
      case 'slow':
      case 'lie':
      case 'lose':
        return this.#doUpstream(action)
      default:
        return askAndJudge(action, {
          port: this.#server.port,
          originals: this.#origin.originals,
          troubles: this.#troubles,
        })
    }
  }

  async #restart(signal: 'SIGKILL' | 'SIGTERM', meanwhile?: () => Promise<void>): Promise<void> {
    this.#troubles.server(true)
    await this.#server.restart(signal, meanwhile)
    this.#troubles.server(false)
  }

  async #harm(harm: DiskHarm): Promise<void> {
    const { dataDir } = this.#server
    if (harm.kind === 'index') {
      this.#isIndexRuined = true
      this.#troubles.ruinIndex()
      return ruinIndex(join(dataDir, 'index.sqlite'), harm.by)
    }
    const directory = join(dataDir, directories[harm.area])
    const names = (await readdir(directory)).filter((name) => name !== 'nar').sort()
    const name = names[harm.pick % names.length]
    if (name === undefined) return
    const bent = await damageFile(join(directory, name), harm.by)
    if (name.endsWith('.narinfo') && harm.by.kind !== 'delete') this.#troubles.spoilNarinfo()
    if (harm.area === 'nars' && harm.by.kind === 'truncate') this.#troubles.shortenNar(name)
    const isLate = harm.area === 'temporaries' && this.#server.isRunning
    // whoever writes it goes on behind the new end: a hole
    if (bent) this.#noteBent(name, bent, harm.area)
    else if (isLate) this.#noteBent(name, { start: 0, end: Number.MAX_SAFE_INTEGER }, harm.area)
  }

  #noteBent(name: string, bent: Bent, area: DiskArea): void {
    const which = this.#whichOf(name)
    if (area === 'temporaries' && which !== undefined) this.#troubles.damagedOnTheWay(which)
    const file = name.replace(/\.part$/, '')
    if (/\.narinfo$/.test(name)) this.#troubles.bendNarinfo(name.slice(0, 32))
    else this.#troubles.bendNar(file, bent)
  }

  /** The path a file of the data directory belongs to. */
  #whichOf(name: string): number | undefined {
    for (const [which, { info }] of this.#origin.originals)
      if (name.startsWith(fileOf(info)) || name.startsWith(info.storePath.hash)) return which
    return undefined
  }

  async #doUpstream(event: UpstreamEvent): Promise<void> {
    const { at } = event
    const flawed = this.#flawed[at]
    switch (event.kind) {
      case 'down':
        this.#troubles.upstreamDown(at, true)
        return flawed.upstream.down()
      case 'up':
        await flawed.upstream.up()
        return this.#troubles.upstreamDown(at, false)
      case 'mend':
        flawed.mend()
        return this.#troubles.upstreamMended(at)
      case 'slow':
        return flawed.slow(event.headMs, event.pieceMs)
      case 'lose': {
        const { info } = this.#original(event.which)
        this.#troubles.upstreamLost(at, event.which)
        return flawed.lose(`/${info.url}`, `/${info.storePath.hash}.narinfo`)
      }
      case 'lie': {
        const { info, nar } = this.#original(event.which)
        this.#troubles.damagedOnTheWay(event.which)
        this.#liedAbout[at].add(event.which)
        const offset = Math.floor((event.place * nar.length) / 1000)
        return flawed.lieAbout(`/${info.url}`, Math.min(offset, nar.length - 1))
      }
    }
  }

  #original(which: number): Original {
    const original = this.#origin.originals.get(which)
    if (!original) throw new Error(`no path ${which}`)
    return original
  }

  async #verify(): Promise<void> {
    await this.#server.verify()
    this.#troubles.verified()
  }

  /** No excuse counts any more: what fails now must be well in so many milliseconds. */
  async #expectAllServed(timeout: number): Promise<void> {
    const missing = new Set(this.#origin.originals.keys())
    const facts = {
      port: this.#server.port,
      originals: this.#origin.originals,
      troubles: this.#troubles,
    }
    const serveMissing = async () => {
      const failures: string[] = []
      for (const which of missing) {
        try {
          await askAndJudge({ kind: 'fetch', which }, facts)
          await askAndJudge({ kind: 'nar', which }, facts)
          missing.delete(which)
        } catch (error) {
          failures.push(`path ${which}: ${(error as Error).message}`)
        }
      }
      return failures
    }
    await expect.poll(serveMissing, { timeout, interval: 100 }).toEqual([])
  }

  #audit(): Promise<string[]> {
    const maxPartials = this.#origin.originals.size
    const maxBytes = this.#maxBytes
    return auditDataDir(this.#server.dataDir, {
      maxPartials,
      mayLackFileSize: this.#troubles.mayAnyDiffer,
      ...(maxBytes === undefined ? {} : { maxBytes }),
    })
  }
}

const directories: Readonly<Record<DiskArea, string>> = {
  narinfos: 'cache',
  nars: 'cache/nar',
  temporaries: 'tmp',
}

/** The model of a cache. */
export async function originalsOf(cache: SyntheticCache): Promise<Map<number, Original>> {
  const originals = new Map<number, Original>()
  for (const [which, info] of cache.infos.entries()) {
    const narinfo = await readFile(join(cache.directory, `${info.storePath.hash}.narinfo`))
    originals.set(which, { info, narinfo, nar: await cache.bytesOf(info) })
  }
  return originals
}
