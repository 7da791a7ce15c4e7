import { isAppError } from '../errors.ts'
import type { NarBody, Source } from '../nix/source.ts'
import { isWorthLanes, LaneTrial, LineGauge, mayGain, tellsOfLine } from '../policy/lanes.ts'
import type { Log } from '../telemetry.ts'
import type { Lanes } from './lanes.ts'
import { OpenBody } from './lanes-body.ts'
import { fetchLanes } from './lanes-window.ts'

export interface Widening {
  readonly source: Source
  readonly url: string
  /** First byte of the body. */
  readonly from: number
  readonly lanes: Lanes
  readonly log: Log
  readonly signal: AbortSignal
  /** Clients that wait for it. */
  readonly readers: () => number
}

/**
 * The bytes of a body that is open, to the end of the file: on its one connection, or, where that
 * one is found to be the limit, by several ranges at once. Which way they came cannot be seen.
 *
 * @throws AppError as the body's chunks do; faults of single ranges stay within
 */
export async function* widened(body: NarBody, widening: Widening): AsyncGenerator<Uint8Array> {
  const { source, lanes } = widening
  const open = new OpenBody(body.chunks)
  const leave = lanes.enter(source.name)
  try {
    if (body.size === undefined || !source.hasLanes) yield* open
    else yield* measured(open, { ...widening, size: body.size, etag: body.etag })
  } finally {
    await open.close()
    leave()
  }
}

interface MeasuredBody extends Widening {
  readonly size: number
  readonly etag: string | undefined
}

/** Goes on as the body began, until lanes are found to be worth a trial, or known to be. */
async function* measured(open: OpenBody, body: MeasuredBody): AsyncGenerator<Uint8Array> {
  const { source, size, lanes, readers } = body
  const { name } = source
  const gauge = new LineGauge()
  let at = body.from

  /** What to do with the rest. Whoever is told `lanes` has taken his place among them. */
  function decide(): 'measure' | 'plain' | 'lanes' {
    const standing = lanes.standing(name)
    if (!isWorthLanes(size - at) || standing === 'refused') return 'plain'
    const tells = tellsOfLine(readers())
    if (!tells || !lanes.isAlone(name)) gauge.reset()
    const { bytesPerMs } = gauge
    if (bytesPerMs !== undefined && !mayGain(bytesPerMs)) return 'plain'
    const isReady = standing === 'proven' ? tells : bytesPerMs !== undefined
    return isReady && lanes.take(name) ? 'lanes' : 'measure'
  }

  let decision = decide()
  while (decision === 'measure') {
    const asked = performance.now()
    const chunk = await open.take(Number.POSITIVE_INFINITY)
    if (!chunk) return
    gauge.note(chunk.length, performance.now() - asked)
    at += chunk.length
    yield chunk
    decision = decide()
  }
  if (decision === 'plain') yield* open
  else yield* inLanes(open, { ...body, from: at }, gauge.bytesPerMs)
}

/**
 * Goes on by several ranges at once, and on one connection again where they are not faster or fail.
 *
 * @param plainBytesPerMs what one connection brought; undefined where lanes have proven themselves
 */
async function* inLanes(
  open: OpenBody,
  body: MeasuredBody,
  plainBytesPerMs: number | undefined,
): AsyncGenerator<Uint8Array> {
  const { source, url, size, lanes, log, signal } = body
  const { name } = source
  const isProven = lanes.standing(name) === 'proven'
  let trial = isProven || !plainBytesPerMs ? undefined : new LaneTrial(plainBytesPerMs)
  let mayGoOn = true
  let at = body.from

  function judge(bytes: number, waitedMs: number): void {
    if (!trial) return
    trial.note(bytes, waitedMs)
    const { isWon } = trial
    const isDisturbed = !lanes.isAlone(name)
    if (!isDisturbed && isWon === undefined) return
    mayGoOn = !isDisturbed && isWon === true
    lanes.note(name, isDisturbed ? 'disturbed' : mayGoOn ? 'proven' : 'refused')
    const gain = trial.gain === undefined ? undefined : Number(trial.gain.toFixed(2))
    log.info({ upstream: name, gain }, `${mayGoOn ? 'keeps' : 'ends'} asking for ranges at once`)
    trial = undefined
  }

  const chunks = fetchLanes(open, { ...body, mayGoOn: () => mayGoOn })
  try {
    for (;;) {
      const asked = performance.now()
      const { done, value } = await chunks.next()
      if (done) break
      judge(value.length, performance.now() - asked)
      at += value.length
      yield value
    }
  } catch (error) {
    if (signal.aborted || open.hasFailed || !isAppError(error)) throw error
    lanes.note(name, 'refused')
    log.warn({ code: error.code, upstream: name }, `asks for no ranges at once: ${error.message}`)
  } finally {
    await chunks.return(undefined)
    lanes.release()
  }
  if (at === size) return
  if (!open.isClosed) {
    yield* open
    return
  }
  const rest = await source.nar({ url, offset: at }, signal)
  // Without it, the file counts as broken off here, and is gone on with like any other.
  if (rest && (rest.size ?? size) === size) yield* rest.chunks
}
