import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { StoreHash } from '../nix/store-path.ts'
import type { Client } from '../policy/intent.ts'
import { NarForecast } from '../policy/nar-forecast.ts'
import { factsIn, type PathFacts } from '../policy/path-facts.ts'
import { referencesFirst } from '../policy/references-first.ts'
import type { Narinfos } from './narinfos.ts'

/** Requests are answered in between. */
const sliceMs = 1

/**
 * Works out which NARs a client wants, and in which order, from the narinfos it has asked for. Some
 * thousand of them take some ten milliseconds, in slices.
 *
 * @param before what was made for this client when less was known
 */
export async function makeForecast(
  client: Client,
  narinfos: Narinfos,
  before?: NarForecast,
): Promise<NarForecast> {
  const breathe = breather()
  const paths = new Map<StoreHash, PathFacts>()
  for (const path of before?.paths ?? []) paths.set(path.hash, path)
  for (const hash of client.wanted(performance.now())) {
    if (paths.has(hash)) continue
    const text = await narinfos.peek(hash)
    const facts = text && factsIn(text, hash)
    if (facts) paths.set(hash, facts)
    await breathe()
  }
  const order: PathFacts[] = []
  for (const path of referencesFirst(paths)) {
    order.push(path)
    await breathe()
  }
  return new NarForecast(order, before)
}

/** @returns a function that lets others work whenever it is called after a while */
function breather(): () => Promise<void> | undefined {
  let since = performance.now()
  return () => {
    if (performance.now() - since < sliceMs) return undefined
    return yieldToOthers().then(() => {
      since = performance.now()
    })
  }
}
