import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { planChange } from '../../src/config/live-change.ts'
import { isOption, type OptionTree } from '../../src/config/option.ts'
import { options } from '../../src/config/options.ts'
import { loadConfig } from '../../src/config/read-config.ts'

/** Each takes next to no time. */
const runs = 40 * Number(process.env.FUZZ_RUNS ?? 25)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

/** Any configuration that differs from the default in any of many options. */
const config: fc.Arbitrary<Config> = fc
  .record(
    {
      data_dir: fc.constantFrom('"/a"', '"/b"'),
      netrc_file: fc.constantFrom('"/n"'),
      'cache.max_size': fc.constantFrom('"1GiB"', '"10%"'),
      'cache.memory': fc.constantFrom('"1KiB"', '"1MiB"'),
      'cache.priority': fc.nat(50).map(String),
      'cache.store_dir': fc.constantFrom('"/gnu/store"'),
      'cache.negative_ttl': fc.constantFrom('"0s"', '"1m"'),
      'limits.max_clients': fc.integer({ min: 1, max: 9 }).map(String),
      'limits.max_downloads': fc.integer({ min: 1, max: 9 }).map(String),
      'limits.drain': fc.constantFrom('"1s"', '"2s"'),
      'log.level': fc.constantFrom('"debug"', '"silent"'),
      'log.format': fc.constantFrom('"json"', '"text"'),
      upstream: fc
        .uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 })
        .map((names) => `[${names.map((name) => `{ url = "https://${name}" }`).join(', ')}]`),
    },
    { requiredKeys: [] },
  )
  .map((lines) => {
    const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}`)
    return loadConfig({ text: text.join('\n') })
  })

test(`a changed configuration is taken over option by option, wholly: seed ${seed}`, () => {
  fc.assert(
    fc.property(config, config, config, (started, current, wanted) => {
      const { config: inUse } = planChange({ started, current, wanted })
      expectEach(options, { started, wanted, inUse })
      expect(inUse.upstreams).toEqual(wanted.upstreams)
      expect(Object.keys(inUse).sort()).toEqual(Object.keys(wanted).sort())
      // said once, and done with
      const again = planChange({ started, current: inUse, wanted })
      expect(again.now).toEqual([])
      expect(again.config).toEqual(inUse)
      const restarted = planChange({ started: wanted, current: wanted, wanted })
      expect(restarted).toEqual({ config: wanted, now: [], atRestart: [] })
    }),
    { numRuns: runs, seed },
  )
})

interface Trees {
  readonly started: object
  readonly wanted: object
  readonly inUse: object
}

/** Each option is as it was at the start where it takes a restart, and as it is wanted elsewhere. */
function expectEach(tree: OptionTree, { started, wanted, inUse }: Trees): void {
  for (const [name, node] of Object.entries(tree)) {
    const [old, young, used] = [started, wanted, inUse].map(
      (values) => (values as Record<string, unknown>)[name],
    )
    if (!isOption(node)) expectEach(node, { started: old, wanted: young, inUse: used } as Trees)
    else expect(used, node.key).toEqual(node.needsRestart ? old : young)
  }
}
