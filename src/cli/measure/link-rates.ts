import type { MeasuredReading } from '../../advice/measured-figures.ts'
import { takeRounds } from '../../host/measure/rounds.ts'
import { isPrivateAddress, probeLink } from '../../host/network-link.ts'
import { listOwnStore } from '../../host/own-store.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { MiB } from '../../units.ts'
import { runLoad } from '../bench/load.ts'
import { locate } from '../bench/read-nar.ts'
import { openSubject, type Subject, survey } from '../bench/survey.ts'

export interface LinkOrder {
  readonly url: URL
  /** Paths to fetch; none: some that this machine and the cache both have. */
  readonly paths: readonly StoreHash[]
  readonly rounds: number
  readonly budgetMs: number
  readonly userAgent: string
  readonly onProgress: (doing: string) => void
  readonly signal: AbortSignal
}

export interface LinkReadings {
  readonly throughput?: MeasuredReading
  readonly latency?: MeasuredReading
  readonly notes: readonly string[]
}

/** A public cache costs somebody money. */
const publicRoundBytes = 8 * MiB
const privateRoundBytes = 256 * MiB
/** One connection is held back by its window over a long way; four fill what there is. */
const connections = 4
const maxNars = 4

/**
 * Measures the way to a binary cache: round trips by opening connections, throughput by reading its
 * largest NARs.
 *
 * @throws AppError NO_CACHE, NOTHING_TO_ASK
 */
export async function measureLink(order: LinkOrder): Promise<LinkReadings> {
  const { url, rounds, budgetMs, signal, onProgress } = order
  onProgress('link: latency')
  const subject = await openSubject(url, order.userAgent, signal)
  if (subject.link.isLoopback)
    return { notes: [`${subject.url} is on this machine: there is no link to measure.`] }
  const latency = await takeRounds(async () => (await probeLink(subject.site)).connectMs, {
    ...{ rounds, signal },
    budgetMs: budgetMs / 2,
  })
  onProgress('link: throughput')
  const paths = await findNars(subject, order)
  const isPrivate = isPrivateAddress(subject.link.address)
  const load = {
    ...{ site: subject.site, paths, connections },
    seconds: budgetMs / 1000 / (rounds + 1),
    maxBytes: isPrivate ? privateRoundBytes : publicRoundBytes,
  }
  const faults: string[] = []
  const one = async () => {
    const { bytes, seconds, firstError } = await runLoad(load, signal)
    if (firstError !== undefined) faults.push(firstError)
    return bytes / seconds
  }
  // The cache may have to fetch or read the NARs first: that is no figure of the link.
  await one()
  const throughput = await takeRounds(one, { rounds, budgetMs, signal })
  const [fault] = faults
  if (fault !== undefined)
    return { latency, notes: [`The link's throughput was not measured: ${fault}.`] }
  return { latency, throughput, notes: [] }
}

async function findNars(subject: Subject, { paths, signal }: LinkOrder): Promise<string[]> {
  const candidates = paths.length > 0 ? [] : (await listOwnStore()).map(({ hash }) => hash)
  const { infos } = await survey([subject], { named: paths, candidates }, signal)
  const nars = [...(infos.get(subject)?.values() ?? [])]
  const sizeOf = (info: (typeof nars)[number]) => info.fileSize ?? info.narSize
  return nars
    .toSorted((a, b) => sizeOf(b) - sizeOf(a))
    .slice(0, maxNars)
    .map(({ url }) => locate(subject.site, url))
    .filter(({ site }) => site === subject.site)
    .map(({ path }) => path)
}
