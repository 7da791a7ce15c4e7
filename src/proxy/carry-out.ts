import type { Repacker } from '../codec/nar-repack.ts'
import { isAppError, messageOf, upstreamTroubles } from '../errors.ts'
import type { NarFile } from '../policy/nar-file.ts'
import type { Disk } from '../store/disk.ts'
import { DownloadRoom } from '../store/download-room.ts'
import { infoOf } from '../store/record-info.ts'
import type { Confirmations } from './confirmations.ts'
import { type FillTools, fillNar } from './fill-nar.ts'
import { mayResume, type NarPlan, offersOf, type Round } from './nar-plan.ts'
import type { NarRun } from './nar-run.ts'
import { publishNar } from './publish-nar.ts'
import { type RepackTools, repackNar } from './repack-nar.ts'
import { firstBytes, noRoom, reserveFor } from './repack-room.ts'
import { type SettleTools, settleLate } from './settle-late.ts'

export interface WorkTools
  extends Omit<FillTools, 'run' | 'signal' | 'giveUp' | 'onOtherSize'>,
    Pick<SettleTools, 'disk' | 'narinfos'> {
  readonly repacker: Repacker
  readonly repackLevel: number
  readonly storeDir: string
  readonly confirmations: Confirmations
  /** Has a NAR that is here given its place at a time when that keeps nobody waiting. */
  readonly keep: (publish: () => Promise<void>) => Promise<void>
  /** Opens another file: the original that a zstd form is made of. */
  readonly open: (file: NarFile) => ReturnType<RepackTools['open']>
  /** Waited for before each piece that is packed anew, until a client waits for it. */
  readonly pace: (hasClient: () => boolean) => Promise<void>
}

/**
 * Does the work of one run: makes room, gets the bytes, and gives the file its place in `cache/`.
 * What ends it before is told to its readers, and noted in the run.
 */
export async function carryOut(plan: NarPlan, run: NarRun, own: WorkTools): Promise<void> {
  const { download, signal } = run
  let isOfOtherSize = false
  const onOtherSize = () => {
    isOfOtherSize = true
  }
  const giveUp = () => run.giveUp()
  const tools = { ...own, log: run.quieting(own.log), run, signal, giveUp, onOtherSize }
  const { disk, confirmations, log } = tools
  const file = plan.file.name
  let isWorthKeeping = false
  const bytes = signal.aborted ? undefined : firstBytes(plan)
  const room = new DownloadRoom(reserveFor(plan, run, disk), bytes)
  download.keepWithin(room)
  const started = performance.now()
  try {
    signal.throwIfAborted()
    // A client's upstream is asked meanwhile; nobody is asked for what is ahead and finds no room.
    if (run.isAhead && !(await download.canBeKept()) && run.giveUp()) throw noRoom(plan)
    const filled = await getBytes(plan, tools)
    const { late } = filled
    if (await download.canBeKept()) {
      run.arrive()
      const publish = () => publishNar(plan, { download, ...filled }, tools)
      // A verdict to come, or who has it packed anew, counts on its place.
      await (late || plan.original ? publish() : tools.keep(publish))
      run.isKept = true
      if (late) void confirmations.now(file, () => settleLate(file, late, tools))
      log.info(fetchedFields(plan, download.written, started), 'fetched a NAR')
    } else {
      late?.cancel()
      log.info({ file }, 'passed on without keeping it')
    }
  } catch (error) {
    run.fault = error
    const isPassing = signal.aborted || isAppError(error, ...upstreamTroubles)
    isWorthKeeping = isPassing && mayResume(plan)
    await noteFault(plan, error, tools)
    // No signature covers the size: a narinfo that lies must not keep another path from its NAR.
    const { record } = plan
    if (isOfOtherSize && isAppError(error, 'UPSTREAM_MALFORMED') && record?.upstreamUrl)
      await tools.narinfos.disbelieve(record)
  } finally {
    await room.settle()
    const mayBeResumed = isWorthKeeping && download.written > 0
    if (mayBeResumed) await disk.parts.keep(download.path)
    else if (!run.isKept) await download.unlink()
  }
}

interface RunTools extends WorkTools, SettleTools {
  readonly run: NarRun
  readonly giveUp: () => boolean
  readonly onOtherSize: () => void
}

function getBytes(plan: NarPlan, tools: RunTools) {
  const { upstreams, run, pace, open } = tools
  const { download } = run
  const { original } = plan
  if (original)
    return repackNar(plan, original, {
      ...{ ...tools, download, isAhead: run.isAhead },
      pace: async () => {
        if (run.isAhead) await pace(() => !run.isAhead)
      },
      open: () => open(original),
    })
  const offers = (round: Round) => offersOf(plan, upstreams, { ...tools, ...round })
  return fillNar(plan, offers, { ...tools, download })
}

async function noteFault(plan: NarPlan, error: unknown, tools: RunTools): Promise<void> {
  const { narinfos, run, log, signal } = tools
  const { download } = run
  const fields = { code: isAppError(error) ? error.code : undefined, file: plan.file.name }
  if (signal.aborted) log.info(fields, `stopped after ${download.written} bytes`)
  else if (isAppError(error, 'NAR_UNKNOWN')) log.debug(fields, error.message)
  else log.error(fields, messageOf(error))
  // Who comes now gets a download of his own, with all the patience that is his due.
  const isForNobody = run.giveUp()
  download.fail(error)
  const { record } = plan
  if (!record || !isAppError(error, 'NAR_GONE', 'CORRUPT')) return
  if (await isLedElsewhere(plan, tools.disk)) return
  if (isAppError(error, 'NAR_GONE') && !isForNobody) await narinfos.forget(record.hash)
  // The next who asks for the path is led elsewhere, where there is an elsewhere.
  if (isAppError(error, 'CORRUPT')) await narinfos.disbelieve(record)
}

/**
 * True when the path's narinfo does not lead to this file, nor to the one it is made of. One that
 * leads to the zstd form by now is not the worse for what becomes of the original's old URL.
 */
async function isLedElsewhere({ file, record }: NarPlan, disk: Disk): Promise<boolean> {
  const kept = record && (await disk.narinfo(record.hash))
  return kept !== undefined && kept.file !== file.name && kept.file !== record?.file
}

function fetchedFields({ file, record }: NarPlan, bytes: number, started: number) {
  const ms = Math.round(performance.now() - started)
  const name = record && infoOf(record).storePath.name
  return { file: file.name, name, bytes, ms }
}
