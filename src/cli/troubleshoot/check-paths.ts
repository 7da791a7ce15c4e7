import { createHash } from 'node:crypto'
import { judgeNar } from '../../codec/judge-nar.ts'
import { readBytes } from '../../codec/packed-reader.ts'
import { canUnpack, unpack } from '../../codec/unpack.ts'
import { isAppError, messageOf } from '../../errors.ts'
import { sameHash } from '../../nix/hash.ts'
import { type NarInfo, parseNarInfo } from '../../nix/narinfo.ts'
import type { StoreHash, StorePath } from '../../nix/store-path.ts'
import { formatSize } from '../../units.ts'
import { type Check, fault, ok, unchecked, warning } from './check.ts'
import { fileOf, type Looker, reasonOf, type TextAnswer } from './http-look.ts'

const narinfoTimeoutMs = 3000
/** Of paths nobody named: the smallest is read, and a big one not at all. */
const maxGuessedBytes = 64 * 2 ** 20
const slowMs = 100

/** A path to ask for. */
export interface Wanted {
  readonly hash: StoreHash
  /** the user named it: it has to be there */
  readonly isNamed: boolean
}

export interface FoundPaths {
  readonly check: Check
  readonly infos: readonly NarInfo[]
}

/** Asks for the narinfos of paths this machine has, or was told of. */
export async function findPaths(
  url: URL,
  wanted: readonly Wanted[],
  looker: Looker,
): Promise<FoundPaths> {
  if (wanted.length === 0)
    return none(unchecked('narinfos', 'This machine has no store paths; name one: --store-path.'))
  const answers = await Promise.all(
    wanted.map(async ({ hash, isNamed }) => ({ isNamed, hash, ...(await ask(url, hash, looker)) })),
  )
  const infos = answers.flatMap(({ info }) => (info === undefined ? [] : [info]))
  const broken = answers.find(({ fault }) => fault !== undefined)
  if (broken?.fault !== undefined)
    return {
      check: fault('narinfos', `${broken.hash}.narinfo: ${broken.fault}.`, broken.more),
      infos,
    }
  const missing = answers.find(({ isNamed, info }) => isNamed && info === undefined)
  if (missing !== undefined) {
    const why = missing.body === '' ? '' : `: ${missing.body}`
    const more = {
      todo: 'Compare the hash; see that an upstream has it, and that narwhal believes that upstream.',
      symptom: /\(UNTRUSTED\)/.test(why) ? 'upstream-untrusted' : 'every-path-404',
    }
    return { check: fault('narinfos', `It does not have ${missing.hash}${why}.`, more), infos }
  }
  if (infos.length === 0)
    return none(
      unchecked(
        'narinfos',
        `None of ${wanted.length} paths of this machine is there; name one: --store-path.`,
      ),
    )
  const [first] = answers.filter(({ info }) => info)
  const hitMs = first === undefined ? 0 : await timeHit(url, first.hash, looker)
  const again = Number.isFinite(hitMs) ? `it takes ${hitMs.toFixed(1)} ms` : 'it does not answer'
  const seen = `It has ${infos.length} of ${wanted.length} paths asked for; asked again, ${again}`
  if (hitMs <= slowMs) return { check: ok('narinfos', `${seen}.`), infos }
  const more = {
    todo: 'Measure it: narwhal bench. Below 100 ms is well.',
    symptom: 'slow-narinfos',
  }
  return { check: warning('narinfos', `${seen}, which is slow.`, more), infos }
}

function none(check: Check): FoundPaths {
  return { check, infos: [] }
}

/** What is asked for again is a hit; one quick answer of three shows that the way is quick. */
async function timeHit(url: URL, hash: StoreHash, looker: Looker): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let again = 0; again < 3 && best > slowMs; again++) {
    const { ms, fault } = await ask(url, hash, looker)
    if (fault === undefined) best = Math.min(best, ms)
  }
  return best
}

interface Asked {
  readonly info?: NarInfo
  readonly body: string
  readonly ms: number
  readonly fault?: string
  readonly more: { readonly todo: string; readonly symptom: string }
}

async function ask(url: URL, hash: StoreHash, looker: Looker): Promise<Asked> {
  const more = { todo: 'See narwhal status and the log of the server.', symptom: 'narinfo-5xx' }
  let answer: TextAnswer
  try {
    answer = await looker.text(fileOf(url, `${hash}.narinfo`), narinfoTimeoutMs)
  } catch (error) {
    const slow = { todo: 'See what it waits for: narwhal status, on it.', symptom: 'slow-narinfos' }
    return { body: '', ms: 0, fault: reasonOf(error), more: slow }
  }
  const { status, ms } = answer
  const body = answer.text.trim().split('\n')[0]?.slice(0, 300) ?? ''
  if ([403, 404, 410].includes(status)) return { body, ms, more }
  if (status !== 200) return { body, ms, fault: `status ${status}${body && `: ${body}`}`, more }
  try {
    return { info: parseNarInfo(answer.text), body, ms, more }
  } catch (error) {
    if (!isAppError(error)) throw error
    const bad = { todo: error.hint, symptom: 'every-path-404' }
    return { body, ms, fault: error.message, more: bad }
  }
}

/** Reads one NAR to its end, unpacks it, and holds both against the narinfo. */
export async function checkNar(
  url: URL,
  infos: readonly NarInfo[],
  { looker, timeoutMs, isNamed }: { looker: Looker; timeoutMs: number; isNamed: boolean },
): Promise<Check> {
  const sizeOf = (info: NarInfo) => info.fileSize ?? info.narSize
  const [info] = infos.toSorted((a, b) => sizeOf(a) - sizeOf(b))
  if (info === undefined) return unchecked('nar', 'There is no path to fetch.')
  if (!isNamed && sizeOf(info) > maxGuessedBytes)
    return unchecked('nar', 'All paths found are large; name one: --store-path.')
  const name = nameOf(info.storePath)
  const counted = { bytes: 0 }
  const start = performance.now()
  try {
    const answer = await looker.get(fileOf(url, info.url), timeoutMs)
    if (answer.status !== 200) {
      answer.body.destroy()
      const symptom = answer.status >= 500 ? 'narinfo-5xx' : 'nar-gone'
      const todo = 'See narwhal status and the log of the server.'
      return fault('nar', `${name}: ${info.url} gives status ${answer.status}.`, { todo, symptom })
    }
    const problem = await problemOf(info, answer.body, counted)
    if (problem !== undefined)
      return fault('nar', `${name}: ${problem}.`, {
        todo: 'Look for CORRUPT in the log of the server, then check what it keeps: narwhal verify --repair.',
        symptom: 'hash-mismatch',
      })
  } catch (error) {
    const got = formatSize(counted.bytes)
    const { name: kind } = error as Error
    if (kind === 'TimeoutError' || kind === 'AbortError')
      return warning('nar', `${name}: only ${got} of ${formatSize(sizeOf(info))} came in time.`, {
        todo: 'Name a smaller path with --store-path, or measure the way: narwhal bench.',
        symptom: 'slow',
      })
    const reason = isAppError(error) ? messageOf(error) : reasonOf(error)
    return fault('nar', `${name}: the transfer broke after ${got}: ${reason}.`, {
      todo: 'narwhal cuts off what does not match its hash: its log says so (CORRUPT).',
      symptom: 'hash-mismatch',
    })
  }
  const seconds = (performance.now() - start) / 1000
  const hashes = info.fileHash === undefined ? 'NarHash' : 'FileHash and NarHash'
  const checked = canUnpack(info.compression) ? hashes : 'FileHash alone'
  const speed = formatSize(Math.round(counted.bytes / seconds))
  return ok(
    'nar',
    `${name}: ${checked} right, ${formatSize(counted.bytes)} ${info.compression} at ${speed}/s.`,
  )
}

/** @returns what does not match; throws where the transfer breaks off */
async function problemOf(
  info: NarInfo,
  body: AsyncIterable<Buffer>,
  counted: { bytes: number },
): Promise<string | undefined> {
  const digester = createHash('sha256')
  const chunks = body[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array()
  /** An error of the transfer, which a decoder may not pass on as it is. */
  let broken: { readonly error: unknown } | undefined
  const read = async (into: Uint8Array): Promise<number> => {
    while (rest.length === 0) {
      const { value, done } = await chunks.next().catch((error: unknown) => {
        broken = { error }
        throw error
      })
      if (done) return 0
      digester.update(value)
      counted.bytes += value.length
      rest = value
    }
    const taken = rest.subarray(0, into.length)
    into.set(taken)
    rest = rest.subarray(taken.length)
    return taken.length
  }
  let reason: string | undefined
  if (canUnpack(info.compression)) {
    const verdict = await judgeNar(
      unpack(info.compression, read),
      info,
      async () => undefined,
    ).catch((error: unknown) => {
      throw broken?.error ?? error
    })
    if (broken !== undefined) throw broken.error
    if (!verdict.ok) reason = `${info.url}: ${verdict.reason}`
  }
  // To the end of the file, whatever the decoder made of it: FileHash is about all of it.
  const buffer = new Uint8Array(readBytes)
  while ((await read(buffer)) > 0);
  const fileHash = { algorithm: 'sha256', digest: digester.digest() } as const
  const isSame = info.fileHash === undefined || sameHash(info.fileHash, fileHash)
  if (!isSame) return `${info.url} does not match its FileHash${reason ? `; ${reason}` : ''}`
  return reason
}

export function nameOf({ hash, name }: StorePath): string {
  return `${hash.slice(0, 8)}…-${name}`
}
