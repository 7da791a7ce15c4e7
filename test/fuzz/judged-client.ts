import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { expect } from 'vitest'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { formatDigest } from '../../src/nix/hash.ts'
import { type NarInfo, parseNarInfo } from '../../src/nix/narinfo.ts'
import { joinCrowd } from '../support/crowd.ts'
import { expectTruth } from '../support/oracles.ts'
import { type RawResponse, type RequestOptions, requestRaw } from '../support/raw-http.ts'
import type { Ask } from './store-steps.ts'
import type { Troubles } from './troubles.ts'

/** What the upstreams have of one path. */
export interface Original {
  readonly info: NarInfo
  readonly narinfo: Buffer
  readonly nar: Buffer
}

export interface ClientFacts {
  readonly port: number
  /** the model of the store: what must be answered */
  readonly originals: ReadonlyMap<number, Original>
  readonly troubles: Troubles
}

/** In no cache. */
const absentHash = '0'.repeat(32)

/**
 * Asks the server as a client would, and holds the answer against the model: what ended well is the
 * origin's, and it ended well unless something excuses it.
 *
 * @throws the failed expectation
 */
export async function askAndJudge(ask: Ask, facts: ClientFacts): Promise<void> {
  const since = performance.now()
  const { troubles, port } = facts
  if (ask.kind === 'absent') {
    const response = await request(port, `/${absentHash}.narinfo`)
    const may = troubles.mayHaveBeenUnsure(since) ? [0, 404, 503] : [404]
    expect(may, told(response)).toContain(response?.status ?? 0)
    return
  }
  const original = facts.originals.get(ask.which)
  if (!original) throw new Error(`no path ${ask.which}`)
  if (ask.kind === 'leave') {
    const member = joinCrowd(port, `/${original.info.url}`, original.nar)
    await Promise.race([member.fate, wait(ask.afterMs)])
    member.leave()
    return
  }
  const failure = await askFor(ask, original, facts)
  if (failure === undefined) return
  if (!troubles.mayHaveFailed(ask.which, original.info.storePath.hash, since))
    expect.fail(`nothing excuses it: ${failure}`)
}

/** @returns what went wrong, as far as a client can tell */
async function askFor(
  ask: Exclude<Ask, { kind: 'absent' | 'leave' }>,
  original: Original,
  facts: ClientFacts,
): Promise<string | undefined> {
  const { info, nar } = original
  switch (ask.kind) {
    case 'narinfo': {
      const found = await askNarinfo(original, facts)
      return typeof found === 'string' ? found : undefined
    }
    case 'fetch': {
      const found = await askNarinfo(original, facts)
      return typeof found === 'string' ? found : askNar(found, original, facts)
    }
    case 'nar':
      return askNar(info, original, facts)
    case 'range': {
      const from = placeIn(nar, ask.from)
      const to = ask.to === undefined ? '' : placeIn(nar, ask.to)
      const headers = [`Range: bytes=${from}-${to}`]
      const response = await request(facts.port, `/${info.url}`, { headers })
      judgeBytes(response, original, facts)
      const isBackwards = to !== '' && to < from
      const right = isBackwards ? 200 : from >= nar.length ? 416 : 206
      return response?.end === 'clean' && response.status === right ? undefined : told(response)
    }
    case 'head': {
      const isNar = ask.of === 'nar'
      const path = isNar ? info.url : `${info.storePath.hash}.narinfo`
      const response = await request(facts.port, `/${path}`, { method: 'HEAD' })
      if (response?.status !== 200) return told(response)
      // of a download whose upstream has not said it yet, the length is not known
      const length = response.header('content-length')
      if (isNar && length !== undefined) expect(length).toBe(String(nar.length))
      return undefined
    }
  }
}

/** @returns the narinfo, or what went wrong */
async function askNarinfo(original: Original, facts: ClientFacts): Promise<NarInfo | string> {
  const { hash } = original.info.storePath
  const response = await request(facts.port, `/${hash}.narinfo`)
  if (response?.status !== 200 || response.end !== 'clean') return told(response)
  if (response.body.equals(original.narinfo)) return original.info
  const info = parseNarInfo(response.body)
  expect(fingerprint(info)).toBe(fingerprint(original.info))
  expect(info.signatures).toEqual(original.info.signatures)
  if (!facts.troubles.mayDiffer(hash)) expectRecompressed(info, original)
  return info
}

/** The one change narwhal itself makes to a narinfo: to a file of its own, unpacked to the same. */
function expectRecompressed(info: NarInfo, { info: { storePath, narHash } }: Original): void {
  const name = `${storePath.hash}-${formatDigest(narHash, 'nix32')}.nar.zst`
  expect(info).toMatchObject({ url: `nar/${name}`, compression: 'zstd' })
}

/** Asks for the file a narinfo leads to. @returns what went wrong */
async function askNar(
  info: NarInfo,
  original: Original,
  facts: ClientFacts,
): Promise<string | undefined> {
  const response = await request(facts.port, `/${info.url}`)
  if (info.url === original.info.url) judgeBytes(response, original, facts)
  if (response?.status !== 200 || response.end !== 'clean') return told(response)
  const isKnown = info.url === original.info.url || facts.troubles.bentIn(fileOf(info)).length > 0
  if (!isKnown) {
    const digest = createHash('sha256').update(zstdDecompressSync(response.body)).digest()
    expect(digest.equals(original.info.narHash.digest), 'it unpacks to the signed NAR').toBe(true)
  }
  return undefined
}

/** Oracle A, but for bytes that were changed on the disk, which only `narwhal verify` finds. */
function judgeBytes(
  response: RawResponse | undefined,
  { info, nar }: Original,
  { troubles }: ClientFacts,
): void {
  if (!response || isCutShort(response, { info, nar }, troubles)) return
  const start = Number(/^bytes (\d+)-/.exec(response.header('content-range') ?? '')?.[1] ?? 0)
  const body = Buffer.from(response.body)
  for (const bent of troubles.bentIn(fileOf(info)))
    nar.copy(body, Math.max(0, bent.start - start), Math.max(start, bent.start), bent.end)
  expectTruth({ ...response, body: body.subarray(0, response.body.length) }, nar)
}

/** True for what a client gets of a file that was cut short while no index knew how long it was. */
function isCutShort(
  { status, body }: RawResponse,
  { info, nar }: Pick<Original, 'info' | 'nar'>,
  troubles: Troubles,
): boolean {
  if (!troubles.mayBeShort(fileOf(info))) return false
  return status === 206 || body.equals(nar.subarray(0, body.length))
}

export function fileOf(info: NarInfo): string {
  return info.url.replace('nar/', '')
}

/** @returns undefined when the connection was refused, or broke before any answer */
async function request(
  port: number,
  path: string,
  options?: RequestOptions,
): Promise<RawResponse | undefined> {
  return requestRaw(`http://127.0.0.1:${port}${path}`, options).catch(() => undefined)
}

function told(response: RawResponse | undefined): string {
  if (!response) return 'no answer'
  const text = response.status === 200 ? '' : response.body.toString('latin1', 0, 200)
  return `${response.status}, ${response.end}, ${response.body.length} bytes: ${text}`
}

function placeIn(file: Buffer, thousandths: number): number {
  return Math.floor((thousandths * file.length) / 1000)
}
