import { writeFileSync } from 'node:fs'
import { cpuSecondsOf, peakBytesOf, processesOf } from '../server.ts'
import type { Line } from './line.ts'
import { machineCpuSeconds } from './machine-cpu.ts'
import { type NixCommand, runNix } from './nix-run.ts'
import { type PrefetchCounts, readPrefetch } from './prefetch-counts.ts'
import type { ClosureRun, Scenario } from './results.ts'
import type { Stage } from './stage.ts'

export interface ClosureRunOptions {
  readonly scenario: Scenario
  readonly stage: Stage
  readonly line: Line
  readonly root: string
  readonly publicKey: string
  /** For the client's store. */
  readonly directory: string
  /** Words before the client's command line. */
  readonly launcher: readonly string[]
  readonly signal: AbortSignal
}

const commands: Readonly<Record<Scenario, NixCommand>> = {
  copyCold: 'copy',
  realiseCold: 'realise',
  copyWarm: 'copy',
  copyRecompressed: 'copy',
}

/** Lets a new client fetch the closure from a stage, and reads what it cost everybody. */
export async function runClosure(options: ClosureRunOptions): Promise<ClosureRun> {
  const { scenario, stage, line } = options
  const pid = stage.server?.pid
  if (pid !== undefined) forgetPeak(pid)
  const cpuBefore = pid && cpuSecondsOf(pid)
  const aheadBefore = await prefetchOf(stage)
  const machineBefore = machineCpuSeconds()
  const before = await line.counts()
  const { wallMs, cpuSeconds } = await runNix(commands[scenario], { ...options, url: stage.url })
  const after = await line.counts()
  const machineSeconds = machineCpuSeconds() - machineBefore
  const serverSeconds = pid && cpuSecondsOf(pid) - (cpuBefore ?? 0)
  const ahead = await prefetchOf(stage)
  const upstreamBytes = after.receivedBytes - before.receivedBytes
  return {
    ...{ scenario, contestant: stage.contestant, wallMs, upstreamBytes },
    clientCpuSeconds: cpuSeconds,
    serverCpuSeconds: serverSeconds,
    restCpuSeconds: Math.max(0, machineSeconds - cpuSeconds - (serverSeconds ?? 0)),
    serverPeakBytes: pid && peakBytesOf(pid),
    ...(ahead && aheadBefore ? aheadOf(aheadBefore, ahead) : {}),
    lateShare: (after.lateBytes - before.lateBytes) / Math.max(1, upstreamBytes),
  }
}

/** From now on the peak is that of the run (proc(5), clear_refs). */
function forgetPeak(pid: number): void {
  for (const one of processesOf(pid)) writeFileSync(`/proc/${one}/clear_refs`, '5')
}

function aheadOf(before: PrefetchCounts, after: PrefetchCounts) {
  const prefetchedBytes = after.prefetchedBytes - before.prefetchedBytes
  const usedBytes = after.usedBytes - before.usedBytes
  return { prefetchedBytes, wastedBytes: Math.max(0, prefetchedBytes - usedBytes) }
}

async function prefetchOf({ contestant, url }: Stage) {
  return contestant === 'narwhal' ? readPrefetch(url) : undefined
}
