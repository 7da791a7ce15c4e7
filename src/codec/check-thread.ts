import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError, messageOf } from '../errors.ts'
import type { CheckOrder, CheckReport, CheckWork } from './check-messages.ts'
import type { FileProgress } from './growing-file.ts'
import type { NarVerdict } from './judge-nar.ts'

/** A check as its thread sees it. */
export interface CheckTask {
  readonly id: number
  readonly work: CheckWork
  /** The latest known; a new object whenever it changes. */
  readonly progress: FileProgress
  /** True when the bytes it is fed may be given to the thread with their memory. */
  readonly givesAway: boolean
  /** Hands over the bytes that follow, if they are fed and not yet handed over. */
  takeFed(): Uint8Array<ArrayBuffer> | undefined
  /** Called with the packed bytes in their order; each must be answered by taken(). */
  packed(chunk: Uint8Array<ArrayBuffer>): void
  /** Called once, unless the task is cancelled. */
  settle(outcome: NarVerdict | AppError): void
}

export interface CheckThreadOptions {
  /** leaves a busy CPU to the other threads, where the system can do that */
  readonly isBackground?: boolean
  /** the thread's program, in place of the real one */
  readonly script?: URL
  /** without work for this long, it ends; 10 s by default */
  readonly idleMs?: number
}

interface Entry {
  readonly task: CheckTask
  /** what the thread was told last */
  sent: FileProgress
  isHungry: boolean
}

/** The program of a checking thread: beside this file, as .ts in a checkout and .js when built. */
const checkWorker = new URL(`./check-worker${extname(import.meta.url)}`, import.meta.url)

/** A thread holds some 30 MB, and what it has unpacked with; to start it again takes some 50 ms. */
const defaultIdleMs = 10_000

/** Bounds JavaScript's own heap; what decoders unpack into lies outside and is bounded by them. */
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 }

/** A worker thread: started when needed, ended when it has had nothing to do for a while. */
export class CheckThread {
  readonly #options: CheckThreadOptions
  readonly #entries = new Map<number, Entry>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(options: CheckThreadOptions = {}) {
    this.#options = options
  }

  /** How many tasks it has. */
  get load(): number {
    return this.#entries.size
  }

  start(task: CheckTask): void {
    const { id, progress } = task
    const { path, compression, narHash, narSize, pack } = task.work
    clearTimeout(this.#idle)
    this.#worker ??= this.#spawn()
    this.#worker.ref()
    this.#entries.set(id, { task, sent: progress, isHungry: false })
    const work = { path, compression, narHash, narSize, ...(pack && { pack }) }
    this.#send({ kind: 'start', id, work, progress })
  }

  /** Passes a task's progress on, now or when the thread has read what it knows of. */
  advance(id: number): void {
    const entry = this.#entries.get(id)
    if (!entry?.isHungry) return
    const chunk = entry.task.takeFed()
    const { progress } = entry.task
    if (!chunk && entry.sent === progress) return
    entry.isHungry = false
    entry.sent = progress
    const memory = chunk && entry.task.givesAway ? [chunk.buffer] : []
    if (chunk) this.#send({ kind: 'bytes', id, chunk, progress }, memory)
    else this.#send({ kind: 'progress', id, progress })
  }

  /** Lets the thread send so many packed bytes more. */
  taken(id: number, bytes: number): void {
    if (this.#entries.has(id)) this.#send({ kind: 'taken', id, bytes })
  }

  cancel(id: number): void {
    if (!this.#entries.has(id)) return
    this.#send({ kind: 'cancel', id })
    this.#forget(id)
  }

  /** Ends the thread; what it was doing is never settled. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    this.#entries.clear()
    await worker?.terminate()
  }

  #spawn(): Worker {
    const { script = checkWorker, isBackground = false } = this.#options
    const worker = new Worker(script, { resourceLimits, workerData: { isBackground } })
    worker.on('message', (report: CheckReport) => this.#hear(report))
    worker.on('error', (cause: unknown) => this.#bury(worker, messageOf(cause), cause))
    worker.on('exit', (code) => this.#bury(worker, `it ended with code ${code}`))
    return worker
  }

  #send(order: CheckOrder, memory: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(order, memory)
  }

  #hear(report: CheckReport): void {
    const entry = this.#entries.get(report.id)
    if (!entry) return // cancelled while this was on its way
    if (report.kind === 'hungry') {
      entry.isHungry = true
      this.advance(report.id)
      return
    }
    if (report.kind === 'packed') {
      entry.task.packed(report.chunk)
      return
    }
    this.#forget(report.id)
    entry.task.settle(
      report.kind === 'verdict' ? report.verdict : new AppError(report.code, report.message),
    )
  }

  #forget(id: number): void {
    this.#entries.delete(id)
    if (this.#entries.size > 0) return
    // An idle thread keeps no process alive.
    this.#worker?.unref()
    clearTimeout(this.#idle)
    const { idleMs = defaultIdleMs } = this.#options
    this.#idle = setTimeout(() => void this.close(), idleMs).unref()
  }

  /** Fails what a dead thread was doing; the next task starts another one. */
  #bury(worker: Worker, reason: string, cause?: unknown): void {
    if (this.#worker !== worker) return // told already, or closed on purpose
    this.#worker = undefined
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    for (const { task } of entries)
      task.settle(new AppError('CHECK_FAILED', `a checking thread died: ${reason}`, { cause }))
  }
}
