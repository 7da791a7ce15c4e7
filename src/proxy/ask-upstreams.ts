import { setTimeout as delay } from 'node:timers/promises'
import { AppError, isAppError, messageOf, upstreamTroubles } from '../errors.ts'
import type { NarInfo } from '../nix/narinfo.ts'
import type { StoreHash } from '../nix/store-path.ts'
import { requireTrust } from '../policy/trust.ts'
import { type Ballot, chooseAnswer, type Standing } from '../policy/upstream-choice.ts'
import { countUnverified, type Log } from '../telemetry.ts'
import { LoopTurns } from './loop-turns.ts'
import type { Upstream } from './upstream.ts'

/** How long a find waits for an upstream of better priority that has not answered yet. */
const graceMs = 200

/**
 * Checking a signature takes a good part of a millisecond. Narinfos fetched ahead come in by the
 * dozen, just when the NAR arrives that their client waits for: one is checked in a turn.
 */
const aheadTurns = new LoopTurns(1)

export interface Find {
  readonly upstream: Upstream
  readonly info: NarInfo
}

export interface Question {
  readonly hash: StoreHash
  readonly storeDir: string
  readonly log: Log
  readonly signal: AbortSignal
  /** True when no client waits for the answer. */
  readonly isPrefetch?: boolean
}

/**
 * Asks all upstreams for a narinfo at once and takes the best answer that can be trusted.
 *
 * @returns undefined when every upstream says it has none
 * @throws AppError with the reason of the upstream's refusal when what was found cannot be trusted;
 *   UNSURE when some say no and others cannot say; NO_ANSWER when none can say
 */
export async function askUpstreams(
  upstreams: readonly Upstream[],
  question: Question,
): Promise<Find | undefined> {
  const others = new AbortController()
  const signal = AbortSignal.any([question.signal, others.signal])
  const ballots: (Ballot & { standing: Standing })[] = upstreams.map(({ priority }) => ({
    standing: 'waiting',
    priority,
  }))
  const infos: (NarInfo | undefined)[] = []
  const faults: AppError[] = []

  const answers = upstreams.map(async (upstream, at) => {
    const ballot = ballots[at] as Ballot & { standing: Standing }
    try {
      const info = await askOne(upstream, question, signal)
      infos[at] = info
      ballot.standing = info ? 'found' : 'absent'
    } catch (error) {
      ballot.standing = 'fault'
      if (others.signal.aborted) return
      const fault = asAppError(error)
      faults.push(fault)
      question.log.warn(
        { code: fault.code, upstream: upstream.source.name, hash: question.hash },
        fault.message,
      )
    }
  })

  let graceOver = false
  let grace: Promise<void> | undefined
  const open = new Set(answers)
  try {
    for (const answer of answers) answer.then(() => open.delete(answer))
    for (;;) {
      const choice = chooseAnswer(ballots, graceOver)
      if (choice.kind === 'found')
        return { upstream: upstreams[choice.at] as Upstream, info: infos[choice.at] as NarInfo }
      if (choice.kind === 'absent') return undefined
      if (choice.kind === 'unknown') throw summarise(faults, ballots)
      if (!grace && ballots.some((ballot) => ballot.standing === 'found'))
        grace = delay(graceMs, undefined, { signal }).then(
          () => {
            graceOver = true
          },
          () => undefined,
        )
      await Promise.race(grace ? [...open, grace] : open)
    }
  } finally {
    // An abort costs something even where nobody is left to hear it.
    if (open.size > 0 || grace) others.abort()
  }
}

/** Asks one upstream, and takes only what can be trusted. */
export async function askOne(
  upstream: Upstream,
  { hash, storeDir, isPrefetch = false }: Question,
  signal: AbortSignal,
): Promise<NarInfo | undefined> {
  const { source, keys, verify } = upstream
  const info = await source.narinfo(hash, signal, { isPrefetch })
  if (!info) return undefined
  if (isPrefetch) await aheadTurns.take(1)
  try {
    requireTrust(info, { hash, storeDir, keys, verify })
  } catch (error) {
    if (!isAppError(error)) throw error
    countUnverified(upstream.counters, error.code)
    throw new AppError(error.code, `${source.name}: ${error.message}`)
  }
  return info
}

const refusals = ['UNTRUSTED', 'WRONG_STORE_PATH', 'FOREIGN_URL', 'BAD_NARINFO'] as const

function summarise(faults: readonly AppError[], ballots: readonly Ballot[]): AppError {
  const refusal = faults.find((fault) => isAppError(fault, ...refusals))
  if (refusal) return refusal
  const reasons = faults.map(messageOf).join('; ')
  if (ballots.some((ballot) => ballot.standing === 'absent'))
    return new AppError('UNSURE', `no upstream has it, but not all could say: ${reasons}`)
  // An upstream that breaks the protocol will do so again: there is nothing to wait for.
  const [first] = faults
  if (first && !faults.some((fault) => isAppError(fault, ...upstreamTroubles))) return first
  return new AppError('NO_ANSWER', `no upstream could be asked: ${reasons}`)
}

function asAppError(error: unknown): AppError {
  if (isAppError(error)) return error
  return new AppError('UPSTREAM_UNREACHABLE', messageOf(error), { cause: error })
}
