import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { startNarChecker } from '../codec/nar-check.ts'
import type { Config } from '../config/config.ts'
import { keyRing } from '../nix/signature.ts'
import { type Finding, type VerifyStep, verifyCache } from '../proxy/verify-cache.ts'
import type { Disk } from '../store/disk.ts'
import { formatSize } from '../units.ts'
import { addConfigFlags, loadConfigFrom } from './load-config.ts'
import { openDataDir } from './open-data-dir.ts'
import { exitCodes, paint, print, printJson, tell } from './output.ts'

interface Flags {
  readonly config?: string
  readonly repair?: boolean
  readonly continue?: boolean
  readonly json?: boolean
}

/** How far an interrupted run came; beside cache/, as it is no file of a binary cache. */
const cursorName = 'verify.cursor'

/** Adds `narwhal verify`: reads all of cache/ and says what is wrong with it. */
export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('check every file kept, down to the last byte; needs the server stopped')
    .option('--repair', 'delete what is damaged: it is fetched again when asked for')
    .option('--continue', 'go on where an interrupted run stopped')
    .option('--json', 'write the findings as JSON')
    .addHelpText(
      'after',
      '\nExit code 0: nothing is damaged, or it was repaired; 1: something is; 3: it could not look.',
    )
  addConfigFlags(command).action(async () => {
    const flags = command.opts<Flags>()
    await verify(loadConfigFrom({ config: flags.config, flags: command.opts() }), flags)
  })
}

async function verify(config: Config, flags: Flags): Promise<void> {
  const disk = await openDataDir(config)
  const checker = startNarChecker({ workers: 1 })
  const cursor = join(disk.layout.root, cursorName)
  const progress = new Progress()
  const findings: Finding[] = []
  let isStopped = false
  process.once('SIGINT', () => {
    isStopped = true
  })
  let last: VerifyStep | undefined
  let bytes = 0
  try {
    const steps = verifyCache({
      layout: disk.layout,
      keys: keyRing([
        ...config.trustedPublicKeys,
        ...config.upstreams.flatMap(({ publicKeys }) => publicKeys),
      ]),
      storeDir: config.cache.storeDir,
      checker,
      after: flags.continue ? readCursor(cursor) : undefined,
    })
    for await (const step of steps) {
      last = step
      bytes += step.bytes
      findings.push(...step.findings)
      if (flags.repair) for (const finding of step.findings) await repair(disk, finding)
      progress.show(step, bytes)
      if (isStopped) break
    }
    progress.clear()
    if (isStopped && last) writeFileSync(cursor, last.file)
    else rmSync(cursor, { force: true })
  } finally {
    await checker.close()
    await disk.close()
  }
  const isComplete = !isStopped
  report({ findings, files: last?.done ?? 0, bytes, isComplete }, flags)
}

async function repair(disk: Disk, { kind, narinfo, nar }: Finding): Promise<void> {
  if (kind !== 'damaged') return
  if (nar !== undefined) await disk.remove(nar)
  if (narinfo !== undefined) await disk.forget(narinfo)
}

interface Result {
  readonly findings: readonly Finding[]
  readonly files: number
  readonly bytes: number
  readonly isComplete: boolean
}

function report({ findings, files, bytes, isComplete }: Result, flags: Flags): void {
  const damaged = findings.filter(({ kind }) => kind === 'damaged').length
  const repaired = flags.repair ? damaged : 0
  const listed = findings.map(({ kind, file, why }) => ({ kind, file, why }))
  if (flags.json) printJson({ isComplete, files, bytes, damaged, repaired, findings: listed })
  else for (const { kind, file, why } of listed) print(`${kind}: ${file}: ${why}`)
  const colour = damaged > 0 ? 'red' : 'green'
  const sum = `${damaged} damaged${repaired > 0 ? ', deleted' : ''} of ${files} files, ${formatSize(bytes)} read`
  tell(paint(colour, sum, process.stderr))
  if (!isComplete) tell('interrupted: "narwhal verify --continue" goes on from here')
  if (damaged > repaired || !isComplete) process.exitCode = exitCodes.no
}

function readCursor(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** One line on a terminal that says how far it is. */
class Progress {
  readonly #isWanted = process.stderr.isTTY === true
  #shownAt = 0

  show({ done, total }: VerifyStep, bytes: number): void {
    const now = performance.now()
    if (!this.#isWanted || now - this.#shownAt < 200) return
    this.#shownAt = now
    const percent = Math.floor((100 * done) / total)
    process.stderr.write(`\r\u001b[K${percent} %  ${done} of ${total} files, ${formatSize(bytes)}`)
  }

  clear(): void {
    if (this.#isWanted) process.stderr.write('\r\u001b[K')
  }
}
