import type { Command } from 'commander'
import { startNarChecker } from '../codec/nar-check.ts'
import type { Config } from '../config/config.ts'
import { formatPublicKey, keyRing } from '../nix/signature.ts'
import { type Finding, type VerifyStep, verifyCache } from '../proxy/verify-cache.ts'
import { readSigningKey } from '../server/open-upload.ts'
import { layoutOf } from '../store/layout.ts'
import { addConfigFlags, loadConfigFrom } from './load-config.ts'
import { openDataDir, requireWritable } from './open-data-dir.ts'
import { beginning, readCursor, removeCursor, writeCursor } from './verify/cursor.ts'
import { Progress } from './verify/progress.ts'
import type { Refetch } from './verify/refetch.ts'
import { report, type Settled } from './verify/report.ts'
import { findWidows, listNarinfos } from './verify/widows.ts'

interface Flags {
  readonly config?: string
  readonly repair?: boolean
  readonly continue?: boolean
  readonly json?: boolean
}

/** Adds `narwhal verify`: reads all of cache/ and says what is wrong with it. */
export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('check every file kept, down to the last byte; needs the server stopped')
    .option('--repair', 'fetch what is damaged again from the upstreams; delete what none has')
    .option('--continue', 'go on where an interrupted run stopped')
    .option('--json', 'write the findings as JSON')
    .addHelpText(
      'after',
      '\nExit code 0: nothing is damaged, or all of it was repaired; 1: something is damaged, is lost,' +
        '\nor could not be fetched; 3: it could not look.',
    )
  addConfigFlags(command).action(async () => {
    const flags = command.opts<Flags>()
    await verify(loadConfigFrom({ config: flags.config, flags: command.opts() }), flags)
  })
}

async function verify(config: Config, flags: Flags): Promise<void> {
  const before = await listNarinfos(layoutOf(config.dataDir))
  const disk = await openDataDir(config)
  const { layout } = disk
  const checker = startNarChecker({ workers: 1 })
  const stopping = new AbortController()
  const { signal } = stopping
  process.once('SIGINT', () => stopping.abort())
  const signingKey = await readSigningKey(config)
  const keys = keyRing([
    ...config.trustedPublicKeys,
    ...config.upstreams.flatMap(({ publicKeys }) => publicKeys),
    ...(signingKey ? [formatPublicKey(signingKey.publicKey)] : []),
  ])
  const leadingTo = (nar: string) => disk.narinfosOfFile(nar).map(({ hash }) => hash)
  const check = { layout, keys, storeDir: config.cache.storeDir, checker, leadingTo }
  // Only a repair pays for loading what fetches.
  const { openRefetch } = flags.repair ? await import('./verify/refetch.ts') : {}
  const progress = new Progress()
  const settled: Settled[] = []
  let { after, pending } = flags.continue ? readCursor(layout) : beginning
  let last: VerifyStep | undefined
  let bytes = 0
  let refetch: Refetch | undefined

  /** Repairs what is damaged, where that is wanted; what it has not come to stays pending. */
  async function settle(findings: readonly Finding[]): Promise<void> {
    pending = findings
    for (const [at, finding] of findings.entries()) {
      if (!refetch || finding.kind !== 'damaged') {
        settled.push({ finding, outcome: undefined })
        continue
      }
      const whole = await refetch.scopeOf(finding)
      pending = [whole, ...findings.slice(at + 1)]
      // Before anything is taken out: a run that is killed is gone on with, too.
      writeCursor(layout, { after, pending })
      const work = refetch.repair(whole)
      const outcome = await progress.during(work, refetch.inProgress).catch((error: unknown) => {
        if (!signal.aborted) throw error
        return undefined
      })
      settled.push({ finding: whole, outcome })
      if (!outcome) return
      // Whoever goes on after a kill need not look at it again.
      pending = findings.slice(at + 1)
      writeCursor(layout, { after, pending })
    }
    pending = []
  }

  try {
    if (flags.repair) requireWritable(disk)
    refetch = await openRefetch?.(config, { disk, check, signal })
    await settle([...pending, ...(await findWidows(disk, before))])
    const arrived = refetch?.arrived ?? new Set()
    const steps = signal.aborted ? [] : verifyCache({ ...check, after, arrived })
    for await (const step of steps) {
      last = step
      bytes += step.bytes
      await settle(step.findings)
      if (pending.length === 0) after = step.file
      progress.show(step, bytes)
      if (signal.aborted) break
    }
    progress.clear()
    if (signal.aborted) writeCursor(layout, { after, pending })
    else removeCursor(layout)
  } finally {
    await refetch?.close()
    await checker.close()
    await disk.close()
  }
  report({ settled, files: last?.done ?? 0, bytes, isComplete: !signal.aborted }, flags)
}
