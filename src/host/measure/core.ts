import { createHash, randomFillSync } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { MeasuredReading } from '../../advice/measured-figures.ts'
import { MiB } from '../../units.ts'
import { type Rounds, takeRounds } from './rounds.ts'

/** Long enough that a clock tick more or less does not count. */
const roundMs = 300

/**
 * Measures work of this process in bytes for each second of CPU time: what else the machine does
 * changes that less than it changes the clock.
 *
 * @param work does a piece of it, and tells how many bytes it was
 */
export async function measureCore(
  work: () => Promise<number> | number,
  order: Rounds,
): Promise<MeasuredReading> {
  // Code runs slower before it is compiled.
  await work()
  return await takeRounds(async () => {
    const before = process.cpuUsage()
    const start = performance.now()
    let bytes = 0
    while (performance.now() - start < roundMs) {
      bytes += await work()
      await setImmediate()
      order.signal.throwIfAborted()
    }
    const { user, system } = process.cpuUsage(before)
    return (bytes * 1e6) / (user + system)
  }, order)
}

export function measureSha256(order: Rounds): Promise<MeasuredReading> {
  const block = randomFillSync(Buffer.alloc(4 * MiB))
  return measureCore(() => {
    createHash('sha256').update(block).digest()
    return block.length
  }, order)
}
