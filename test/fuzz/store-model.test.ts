import fc from 'fast-check'
import { test } from 'vitest'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { type Step, type Story, story } from './store-steps.ts'
import { type Origin, originalsOf, StoreWorld } from './store-world.ts'

/** Each takes seconds: a process is started, killed, made well again. */
const runs = Math.ceil(Number(process.env.FUZZ_RUNS ?? 25) / 3)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const paths = 8
const maxShrinkingMs = 120_000
const logLines = 60

const fetchAll: Step = Array.from({ length: paths }, (_, which) => ({
  afterMs: 0,
  action: { kind: 'fetch', which },
}))

test(`any life of a data directory ends well once faults stop: seed ${seed}, ${runs} runs`, {
  timeout: 60_000 + maxShrinkingMs + runs * 20_000,
}, async () => {
  const origins = { none: await originOf('none'), zstd: await originOf('zstd') }
  const property = fc.asyncProperty(story(paths), (told) => live(told, origins[told.compression]))
  await fc.assert(property, {
    numRuns: runs,
    seed,
    // a failure is made smaller for a while, not for ever
    interruptAfterTimeLimit: runs * 20_000 + maxShrinkingMs,
  })
})

async function originOf(compression: 'none' | 'zstd'): Promise<Origin> {
  const cache = await syntheticCache({ paths, totalBytes: 1_600_000, compression })
  const upstreams = [
    await startFakeUpstream(cache.directory),
    await startFakeUpstream(cache.directory),
  ] as const
  return { cache, originals: await originalsOf(cache), upstreams }
}

async function live(told: Story, origin: Origin): Promise<void> {
  const world = await StoreWorld.start(origin, told)
  try {
    if (told.isWarm) await world.take(fetchAll)
    for (const [at, step] of told.steps.entries())
      await world.take(step).catch((cause: Error) => {
        throw new Error(`step ${at}: ${cause.message}`, { cause })
      })
    await world.recover()
  } catch (cause) {
    const log = world.log.trimEnd().split('\n').slice(-logLines).join('\n')
    throw new Error(`${(cause as Error).message}\nthe log:\n${log}`, { cause })
  } finally {
    await world.release()
  }
}
