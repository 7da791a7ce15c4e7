import { setImmediate } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { isAppError, messageOf } from '../errors.ts'
import type { CheckOrder, CheckReport, NarCheckRequest } from './check-messages.ts'
import { type FileProgress, GrowingFile } from './growing-file.ts'
import { judgeNar } from './judge-nar.ts'
import { unpack } from './unpack.ts'

/*
 * The program of a checking thread. Its checks take turns: each lets the event loop turn after a
 * piece of input or output, so one that waits for its download holds up no other.
 */

const files = new Map<number, GrowingFile>()

parentPort?.on('message', (order: CheckOrder) => {
  if (order.kind === 'start') void check(order.id, order.request, order.progress)
  else if (order.kind === 'progress') files.get(order.id)?.advance(order.progress)
  else if (order.kind === 'bytes') files.get(order.id)?.feed(order.chunk, order.progress)
  else files.get(order.id)?.close()
})

async function check(id: number, request: NarCheckRequest, progress: FileProgress): Promise<void> {
  try {
    const file = new GrowingFile(request.path, progress, () => report({ kind: 'hungry', id }))
    files.set(id, file)
    const pieces = unpack(request.compression, (into) => file.read(into))
    const verdict = await judgeNar(pieces, request, async () => {
      await setImmediate()
      file.throwIfClosed()
    })
    report({ kind: 'verdict', id, verdict })
  } catch (error) {
    const code = isAppError(error) ? error.code : 'CHECK_FAILED'
    report({ kind: 'fault', id, code, message: messageOf(error) })
  } finally {
    files.get(id)?.close()
    files.delete(id)
  }
}

function report(message: CheckReport): void {
  parentPort?.postMessage(message)
}
