import { availableParallelism } from 'node:os'
import { expect } from 'vitest'
import {
  type Crash,
  crashRound,
  crashSite,
  expectRecovery,
  randomCrash,
} from '../support/crash-runner.ts'
import { testWith } from '../support/programs.ts'

const test = testWith(['strace'])

/** How many random rounds; CRASH_ROUNDS asks for any number. */
const rounds = Number(process.env.CRASH_ROUNDS ?? (process.env.LONG === '1' ? 10_000 : 24))
const perRecovery = 8
/** In long runs so many data directories have their rounds at the same time. */
const lanes = rounds > 100 ? availableParallelism() : 1
/** By default it pauses, with a file begun, while the other lanes keep the machine busy. */
const env = lanes > 1 ? { NARWHAL_RECOMPRESS_ENABLED: 'true' } : {}

const steps: readonly Crash[] = [
  { call: 'rename', nth: 1 },
  { call: 'rename', nth: 2 },
  { call: 'rename', nth: 7 },
  { call: 'unlink', nth: 1 },
  { call: 'unlink', nth: 6 },
  { call: 'fdatasync', nth: 1 },
  { call: 'fdatasync', nth: 4 },
  { call: 'fsync', nth: 1 },
  { call: 'fsync', nth: 2 },
  { call: 'fsync', nth: 3 },
  { call: 'pwrite64', nth: 3 },
  { call: 'pwrite64', nth: 60 },
]

test('D1 killed at each step of a put, an eviction and an index write', async () => {
  const site = await crashSite()
  let killed = 0
  for (const crash of steps) if (await crashRound(site, crash)) killed += 1
  expect(killed).toBeGreaterThanOrEqual(steps.length / 2)
  await expectRecovery(site)
}, 180_000)

test(
  `D1 killed ${rounds} times at random`,
  async () => {
    const seed = Number(process.env.D1_SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.log(`D1_SEED=${seed}`)
    const shares = Array.from({ length: lanes }, (_, lane) => Math.floor((rounds + lane) / lanes))
    const faults = await Promise.all(shares.map((share, lane) => crashAtRandom(share, seed + lane)))
    expect(faults.flat()).toEqual([])
  },
  60_000 + rounds * 10_000,
)

/** @returns what went wrong; after each fault the rounds go on with a data directory of their own */
async function crashAtRandom(rounds: number, seed: number): Promise<string[]> {
  const random = mulberry(seed)
  const faults: string[] = []
  let site = await crashSite(env)
  for (let round = 1; round <= rounds; round += 1) {
    const crash = randomCrash(random)
    try {
      await crashRound(site, crash)
      if (round % perRecovery === 0 || round === rounds) await expectRecovery(site)
    } catch (error) {
      const fault = `seed ${seed}, round ${round}, ${JSON.stringify(crash)}: ${String(error)}`
      console.log(fault)
      faults.push(fault)
      site = await crashSite(env)
    }
    if (round % 500 === 0) console.log(`seed ${seed}: ${round} rounds, ${faults.length} faults`)
  }
  return faults
}

/** A small generator that repeats itself for the same seed. */
function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
