import { AppError, isAppError, messageOf, upstreamTroubles } from '../errors.ts'
import type { Download } from '../store/download.ts'
import { countUnverified, type Log } from '../telemetry.ts'
import type { Lanes } from './lanes.ts'
import { widened } from './lanes-widened.ts'
import { type FilledNar, type IntakeTools, NarIntake } from './nar-intake.ts'
import type { NarOffer, NarPlan, Round } from './nar-plan.ts'
import type { NarRun } from './nar-run.ts'
import { OfferQueue, type Offers, onlyOne } from './offer-queue.ts'
import { type OpenOffer, openFirst } from './open-first.ts'
import { type Patience, persist } from './persist.ts'
import { Prospects } from './prospects.ts'
import type { Upstream } from './upstream.ts'

/** How often one upstream may break off, with bytes gained each time, before another is asked. */
const maxResumes = 5

/** Faults after which the bytes received so far are still as good as they were. */
const resumable = [...upstreamTroubles, 'UPSTREAM_MALFORMED'] as const

export interface FillTools extends IntakeTools, Omit<Patience, 'awaited'> {
  readonly upstreams: readonly Upstream[]
  readonly log: Log
  readonly lanes: Lanes
  /** For whom it is fetched, and how much it may take. */
  readonly run: Pick<NarRun, 'download' | 'isAhead' | 'joined' | 'giveWay'>
}

/**
 * Fetches one NAR into its download from whoever has it, resumes where one breaks off, and vouches
 * for it once every hash is right.
 *
 * @param offers names the places anew each time it is called
 * @throws AppError NAR_GONE when every upstream says it has none, NAR_UNKNOWN when no narinfo ever
 *   promised it; else a fault met, also where only one of them could not say
 */
export async function fillNar(
  plan: NarPlan,
  offers: (round: Round) => AsyncIterable<NarOffer>,
  { download, ...tools }: FillTools & { readonly download: Download },
): Promise<FilledNar> {
  const intake = new NarIntake(plan, download, tools)
  try {
    await intake.readKept()
    const prospects = new Prospects(tools.upstreams)
    const round = () => tryOffers(plan, offers, { ...tools, intake, prospects })
    const awaited = () => prospects.left
    const filled = await persist(round, () => intake.lastProgress, { ...tools, awaited })
    download.vouch()
    return filled
  } finally {
    intake.end()
  }
}

/** Goes through the places once. */
async function tryOffers(
  plan: NarPlan,
  offers: (round: Round) => AsyncIterable<NarOffer>,
  {
    intake,
    prospects,
    ...tools
  }: FillTools & { readonly intake: NarIntake; readonly prospects: Prospects },
): Promise<FilledNar> {
  const { quarantine, lanes, log, signal, run } = tools
  const file = plan.file.name
  let fault: AppError | undefined
  const queue = new OfferQueue(offers({ prospects, onFault: noteTrouble }))
  let lastOffer: NarOffer | undefined
  let resumes = 0

  async function noteFault(name: string, error: unknown): Promise<void> {
    if (signal.aborted) throw error
    const known = asFault(error)
    noteTrouble(known)
    log.warn({ code: known.code, upstream: name, file }, known.message)
    if (!isAppError(known, ...resumable)) await intake.startOver()
  }

  function nobodyHasIt(): AppError {
    return fault ?? prospects.fault ?? absent(plan)
  }

  /** One who may be able to say it later outweighs those who have said something wrong. */
  function noteTrouble(error: AppError): void {
    if (!isAppError(fault, ...upstreamTroubles)) fault = error
  }

  for (;;) {
    if (intake.isComplete) {
      try {
        return await intake.requireRight('the part kept from before')
      } catch (error) {
        await noteFault('', error)
      }
    }
    let places: Offers = queue
    if (!plan.fileHash) {
      // Two upstreams may have it in different bytes, so whose they will be must be known first.
      await queue.ready()
      const next = queue.take()
      if (!next) throw nobodyHasIt()
      if (next !== lastOffer) await intake.startOver()
      lastOffer = next
      places = onlyOne(next)
    }
    const from = intake.received
    const opened = await openFirst(places, {
      signal,
      urgent: run.joined,
      async open({ upstream, url }, openSignal) {
        const { name } = upstream.source
        if (!quarantine.has(name, file))
          return upstream.source.nar({ url, offset: from }, openSignal, { isPrefetch: run.isAhead })
        throw new AppError('CORRUPT', `${name} sent nar/${file} damaged a moment ago`)
      },
      onFault({ upstream }, error) {
        if (signal.aborted) return
        const known = asFault(error)
        noteTrouble(known)
        // Who breaks the protocol will do so again; of the rest of a file it may only not know how.
        if (from === 0 && !isAppError(known, ...upstreamTroubles))
          prospects.ruleOut(upstream, known)
        log.warn({ code: known.code, upstream: upstream.source.name, file }, known.message)
      },
      onAbsent: ({ upstream }) => prospects.ruleOut(upstream),
      onSpare: (offer) => queue.putLast(offer),
    })
    if (!opened && places !== queue) continue
    if (!opened) throw nobodyHasIt()
    const { name } = opened.offer.upstream.source
    try {
      await takeAll(opened, intake, { lanes, log, signal, run })
      return await intake.requireRight(name)
    } catch (error) {
      const gained = intake.received > from
      await noteFault(name, error)
      if (isAppError(error, 'UPSTREAM_CUT_SHORT') && gained && resumes < maxResumes) {
        resumes += 1
        queue.putBack(opened.offer)
      } else if (isAppError(error, 'UPSTREAM_STALLED') && resumes < maxResumes) {
        resumes += 1
        queue.putLast(opened.offer)
      } else if (isAppError(error, 'CORRUPT')) {
        // Bytes of several together are wrong, nobody knows whose: this one gets to prove itself.
        if (from > 0) queue.putBack(opened.offer)
        else {
          quarantine.add(name, file)
          countUnverified(opened.offer.upstream.counters, 'CORRUPT')
        }
      }
    }
  }
}

function absent({ file, record }: NarPlan): AppError {
  if (record) return new AppError('NAR_GONE', `no upstream has nar/${file.name} any more`)
  return new AppError('NAR_UNKNOWN', `no upstream has nar/${file.name}`)
}

async function takeAll(
  { offer, body, abort }: OpenOffer,
  intake: NarIntake,
  { lanes, log, signal, run }: Pick<FillTools, 'lanes' | 'log' | 'signal' | 'run'>,
): Promise<void> {
  const { source } = offer.upstream
  const { name } = source
  let isWhole = false
  try {
    intake.expect(body.size, name)
    const chunks = widened(body, {
      ...{ source, url: offer.url, from: intake.received },
      ...{ lanes, log, signal: AbortSignal.any([signal, abort.signal]) },
      readers: () => run.download.readers,
    })
    for await (const chunk of chunks) {
      await run.giveWay()
      await intake.take(chunk, name)
    }
    intake.requireWhole(name)
    isWhole = true
  } finally {
    if (!isWhole) abort.abort()
  }
}

function asFault(error: unknown): AppError {
  return isAppError(error) ? error : new AppError('DISK', messageOf(error), { cause: error })
}
