import { parentPort } from 'node:worker_threads'
import type { CheckOrder } from '../../src/codec/check-messages.ts'

/** The real program of a checking thread, but some files make it die. */
parentPort?.on('message', (order: CheckOrder) => {
  if (order.kind !== 'start') return
  if (order.work.path.endsWith('/throws')) throw new Error('on purpose')
  if (order.work.path.endsWith('/exits')) process.exit(7)
})
await import('../../src/codec/check-worker.ts')
