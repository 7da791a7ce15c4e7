import { constants, setPriority } from 'node:os'
import type { MeasuredKey, MeasuredReading } from '../../advice/measured-figures.ts'
import { messageOf } from '../../errors.ts'
import { measureSha256 } from '../../host/measure/core.ts'
import { measureDisk } from '../../host/measure/disk.ts'
import { measureLoopbackLatency, measureLoopbackRounds } from '../../host/measure/loopback.ts'
import type { Rounds } from '../../host/measure/rounds.ts'
import { ownVersion } from '../version.ts'
import { measureXzDecode, measureZstdDecode, measureZstdEncode, readSample } from './codec-rates.ts'
import { measureLink } from './link-rates.ts'
import type { MeasureOrder, MeasureReport } from './measure-messages.ts'

/*
 * The program of the process that measures: one of its own, so that it may step back as a whole,
 * count its own CPU time alone, and be ended at any moment.
 */

/** Who started it waits for nothing else. */
process.once('disconnect', () => process.exit())
process.once('message', (order: MeasureOrder) => {
  stepBack()
  void measure(order).finally(() => process.disconnect())
})

async function measure(order: MeasureOrder): Promise<void> {
  const stop = new AbortController()
  const rounds: Rounds = {
    rounds: order.rounds,
    budgetMs: order.budgetMs,
    signal: stop.signal,
  }
  const doing = (what: string) => report({ kind: 'doing', what })
  const own = { ...order, ...rounds, onProgress: doing }

  await attempt('the disk', async () => {
    const { read, write, randomReads, notes } = await measureDisk(own)
    tell('diskWriteBytesPerSecond', write)
    tell('diskReadBytesPerSecond', read)
    tell('diskRandomReadsPerSecond', randomReads)
    note(notes)
  })
  await attempt('SHA-256', async () => {
    doing('SHA-256')
    tell('sha256BytesPerSecond', await measureSha256(rounds))
  })
  await attempt('xz and zstd', async () => {
    doing('xz')
    const sample = await readSample()
    tell('xzDecodeBytesPerSecond', await measureXzDecode(sample, rounds))
    doing('zstd')
    tell('zstdEncodeBytesPerSecond', await measureZstdEncode(sample, rounds))
    tell('zstdDecodeBytesPerSecond', await measureZstdDecode(sample, rounds))
  })
  await attempt('the loopback', async () => {
    doing('loopback')
    tell('loopbackBytesPerSecond', await measureLoopbackRounds(rounds))
    tell('loopbackLatencyMs', await measureLoopbackLatency(rounds))
  })
  const { against } = order
  if (against !== undefined)
    await attempt('the link', async () => {
      const userAgent = `narwhal-bench/${ownVersion()}`
      const link = await measureLink({ ...own, url: new URL(against), userAgent })
      tell('linkBytesPerSecond', link.throughput)
      tell('linkLatencyMs', link.latency)
      note(link.notes)
    })
  report({ kind: 'done' })
}

/** What cannot be measured here must not cost the figures of what can. */
async function attempt(what: string, take: () => Promise<void>): Promise<void> {
  try {
    await take()
  } catch (error) {
    note([`Measuring ${what} failed: ${messageOf(error)}.`])
  }
}

function tell(key: MeasuredKey, reading: MeasuredReading | undefined): void {
  if (reading !== undefined) report({ kind: 'reading', key, reading })
}

function note(texts: readonly string[]): void {
  for (const text of texts) report({ kind: 'note', text })
}

function report(message: MeasureReport): void {
  if (process.connected) process.send?.(message)
}

/** Others on the machine go first. */
function stepBack(): void {
  try {
    setPriority(constants.priority.PRIORITY_LOW)
  } catch {
    // A sandbox may forbid it; the figures are the same.
  }
}
