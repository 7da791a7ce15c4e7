import { stat } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { isAppError, messageOf } from '../errors.ts'
import type { CheckOrder, CheckReport, CheckWork } from './check-messages.ts'
import { type FileProgress, GrowingFile } from './growing-file.ts'
import { judgeNar } from './judge-nar.ts'
import { Outlet } from './outlet.ts'
import { unpack } from './unpack.ts'
import { ZstdPacker } from './zstd-packer.ts'

/*
 * The program of a checking thread. Its checks take turns: each lets the event loop turn after a
 * piece of input or output, so one that waits for its download holds up no other.
 */

interface Job {
  readonly file: GrowingFile
  readonly outlet: Outlet
}

const jobs = new Map<number, Job>()

if (workerData?.isBackground) stepBack()

parentPort?.on('message', (order: CheckOrder) => {
  const job = order.kind === 'start' ? open(order.id, order) : jobs.get(order.id)
  if (!job) return // done while this was on its way
  if (order.kind === 'start') void check(order.id, order.work, job)
  else if (order.kind === 'progress') job.file.advance(order.progress)
  else if (order.kind === 'bytes') job.file.feed(order.chunk, order.progress)
  else if (order.kind === 'taken') job.outlet.taken(order.bytes)
  else close(job)
})

function open(id: number, { work, progress }: { work: CheckWork; progress: FileProgress }): Job {
  const job = {
    file: new GrowingFile(work.path, progress, () => report({ kind: 'hungry', id })),
    outlet: new Outlet((chunk) => report({ kind: 'packed', id, chunk }, [chunk.buffer])),
  }
  jobs.set(id, job)
  return job
}

function close({ file, outlet }: Job): void {
  file.close()
  outlet.close()
}

async function check(id: number, work: CheckWork, job: Job): Promise<void> {
  const { file, outlet } = job
  let packer: ZstdPacker | undefined
  try {
    packer = work.pack && new ZstdPacker(work.pack.level, work.narSize)
    const pieces = unpack(work.compression, (into) => file.read(into))
    const verdict = await judgeNar(pieces, work, async (piece) => {
      if (packer) for await (const packed of packer.pack(piece)) await outlet.send(packed)
      await setImmediate()
      file.throwIfClosed()
    })
    if (verdict.ok && packer) for await (const packed of packer.finish()) await outlet.send(packed)
    report({ kind: 'verdict', id, verdict })
  } catch (error) {
    const code = isAppError(error) ? error.code : 'CHECK_FAILED'
    report({ kind: 'fault', id, code, message: messageOf(error) })
  } finally {
    packer?.destroy()
    close(job)
    jobs.delete(id)
  }
}

function report(message: CheckReport, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}

/**
 * Gives this thread less of a busy CPU than the others get. On Linux, and there alone, a thread has
 * a priority of its own: setpriority(2) of "the calling process" is that of the calling thread.
 */
function stepBack(): void {
  if (process.platform !== 'linux') return
  // Threads inherit it: those that all of the process shares have to be there before.
  stat('/', () => {})
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // A sandbox may forbid it; the work goes on as everybody else's.
  }
}
