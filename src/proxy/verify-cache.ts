import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import type { NarChecker } from '../codec/nar-check.ts'
import { isAppError, messageOf } from '../errors.ts'
import { formatHash, type Hash } from '../nix/hash.ts'
import { type NarInfo, parseNarInfo } from '../nix/narinfo.ts'
import type { KeyRing } from '../nix/signature.ts'
import { isStoreHash, type StoreHash } from '../nix/store-path.ts'
import { parseNarFile } from '../policy/nar-file.ts'
import { requireTrust } from '../policy/trust.ts'
import type { Layout } from '../store/layout.ts'
import { parseOrSkip } from '../store/scan-cache.ts'

/**
 * What may be wrong with a file of `cache/`. `damaged` must go; `untrusted` is whole, but no key of
 * the configuration vouches for it; `orphan` is whole, but no narinfo promises it; `foreign` is no
 * file of a binary cache.
 */
export type FindingKind = 'damaged' | 'untrusted' | 'orphan' | 'foreign'

export interface Finding {
  readonly kind: FindingKind
  /** Below `cache/`. */
  readonly file: string
  readonly why: string
  /** Those that promise it, or the one that is damaged itself. */
  readonly narinfos: readonly StoreHash[]
  readonly nar: string | undefined
  /** True where a repair is to bring back what was pushed here. */
  readonly wasPushed?: boolean
}

export interface VerifyStep {
  /** File just checked, below `cache/`: the place to continue from. */
  readonly file: string
  readonly bytes: number
  readonly findings: readonly Finding[]
  readonly done: number
  readonly total: number
}

export interface CheckOptions {
  readonly layout: Layout
  readonly keys: KeyRing
  readonly storeDir: string
  readonly checker: NarChecker
  /** The narinfos that lead to a NAR. */
  readonly leadingTo: (nar: string) => readonly StoreHash[]
}

export interface VerifyOptions extends CheckOptions {
  /** The last file of an earlier run; it goes on after that. */
  readonly after: string | undefined
  /** NARs that came while it runs, and were checked as they came. */
  readonly arrived: ReadonlySet<string>
}

export interface Checked {
  readonly findings: readonly Finding[]
  readonly bytes: number
}

/**
 * Checks every file of `cache/`: narinfos with their NARs first, then NARs that no narinfo promises.
 * NARs are read whole, hashed, and unpacked. A damaged NAR is told once, however many narinfos
 * promise it; what is taken out of `cache/` while it runs is passed over.
 *
 * @throws the system's error when a directory cannot be read, or when an error says nothing about the
 *   file it came of, such as too many open files
 */
export async function* verifyCache(options: VerifyOptions): AsyncGenerator<VerifyStep> {
  const { layout, after, arrived } = options
  const inCache = (await readdir(layout.cache)).filter((name) => !wellKnown.has(name)).sort()
  const nars = (await readdir(layout.nars)).sort()
  const files = [...inCache, ...nars.map((name) => `nar/${name}`)]
  const promised = await promisedBy(inCache, layout)
  const told = new Set<string>()
  for (const [at, file] of files.entries()) {
    if (after !== undefined && !comesAfter(file, after)) continue
    const { findings, bytes } = file.startsWith('nar/')
      ? await checkNar(file.slice(4), (nar) => promised.has(nar) || arrived.has(nar), options)
      : await checkNarinfo(file, options)
    const news = findings.filter(({ nar }) => nar === undefined || !told.has(nar))
    for (const { nar } of news) if (nar !== undefined) told.add(nar)
    yield { file, bytes, findings: news, done: at + 1, total: files.length }
  }
}

/** In the order of a run; the other file may be gone by now. */
function comesAfter(file: string, other: string): boolean {
  const isNar = file.startsWith('nar/')
  return isNar === other.startsWith('nar/') ? file > other : isNar
}

const wellKnown = new Set([
  'nix-cache-info',
  'nar',
  'log',
  'realisations',
  'build-trace-v2',
  'debuginfo',
])
const suffix = '.narinfo'

async function promisedBy(names: readonly string[], layout: Layout): Promise<Set<string>> {
  const promised = new Set<string>()
  for (const name of names) {
    if (!name.endsWith(suffix)) continue
    const hash = name.slice(0, -suffix.length) as StoreHash
    const text = await readFile(layout.narinfo(hash), 'utf8').catch(() => '')
    const url = /^URL: nar\/(\S+)$/m.exec(text)?.[1]
    if (url !== undefined) promised.add(url)
  }
  return promised
}

async function checkNarinfo(name: string, options: CheckOptions): Promise<Checked> {
  const hash = name.slice(0, -suffix.length)
  if (name.endsWith(suffix) && isStoreHash(hash))
    return (await checkPath(hash, options)) ?? { findings: [], bytes: 0 }
  const isListing = /^[0-9a-z]{32}\.ls$/.test(name)
  return { findings: isListing ? [] : [foreign(name)], bytes: 0 }
}

/**
 * Checks a narinfo and the NAR it promises.
 *
 * @returns undefined when the narinfo is not there
 * @throws the system's error when that says nothing about the files, such as too many open files
 */
export async function checkPath(
  hash: StoreHash,
  options: CheckOptions,
): Promise<Checked | undefined> {
  const { layout, keys, storeDir } = options
  const about = { file: hash + suffix, narinfos: [hash], nar: undefined }
  const damaged = (why: string): Checked => ({
    findings: [{ ...about, kind: 'damaged', why }],
    bytes: 0,
  })
  let info: NarInfo
  try {
    info = parseNarInfo(await readFile(layout.narinfo(hash), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    return damaged(damageOf(error))
  }
  const untrusted: Finding[] = []
  try {
    requireTrust(info, { hash, storeDir, keys, verify: 'signature' })
  } catch (error) {
    if (!isAppError(error, 'UNTRUSTED')) return damaged(messageOf(error))
    untrusted.push({ ...about, kind: 'untrusted', why: error.message })
  }
  const nar = /^nar\/([^/\s]+)$/.exec(info.url)?.[1]
  if (nar === undefined) return damaged(`its URL ${info.url} leads out of nar/`)
  const { why, bytes } = await whyWrong(nar, info, options)
  if (why === undefined) return { findings: untrusted, bytes }
  // No signature covers which file a narinfo leads to.
  if (await isOthers(nar, hash, options))
    return damaged(`leads to the NAR of another path, which ${why}`)
  const finding = { kind: 'damaged', file: `nar/${nar}`, why, narinfos: [hash], nar } as const
  return { findings: [...untrusted, finding], bytes }
}

/** True when a NAR is just what another narinfo than this one says. */
async function isOthers(nar: string, hash: StoreHash, options: CheckOptions): Promise<boolean> {
  for (const other of options.leadingTo(nar)) {
    if (other === hash) continue
    const text = await readFile(options.layout.narinfo(other), 'utf8').catch(() => '')
    const info = parseOrSkip(text)
    if (info?.url === `nar/${nar}` && !(await whyWrong(nar, info, options)).why) return true
  }
  return false
}

/** Holds a NAR against its narinfo. */
async function whyWrong(
  nar: string,
  info: NarInfo,
  { layout, checker }: CheckOptions,
): Promise<{ readonly why: string | undefined; readonly bytes: number }> {
  const path = layout.nar(nar)
  try {
    const { size } = await stat(path)
    if (info.fileSize !== undefined && size !== info.fileSize)
      return { why: `has ${size} bytes instead of ${info.fileSize}`, bytes: 0 }
    const seen = await hashOf(path)
    if (info.fileHash?.algorithm === 'sha256' && formatHash(seen) !== formatHash(info.fileHash))
      return { why: `has hash ${formatHash(seen)}`, bytes: size }
    if (!checker.canCheck(info.compression)) return { why: undefined, bytes: size }
    const { compression, narHash, narSize } = info
    const verdict = await checker.check({ path, compression, narHash, narSize }).finish(size)
    return { why: verdict.ok ? undefined : verdict.reason, bytes: size }
  } catch (error) {
    return { why: damageOf(error), bytes: 0 }
  }
}

/**
 * Checks a NAR that no narinfo promises: its name may say what its bytes must be.
 *
 * @throws the system's error when that says nothing about the file, such as too many open files
 */
export async function checkNar(
  name: string,
  isPromised: (name: string) => boolean,
  { layout }: Pick<CheckOptions, 'layout'>,
): Promise<Checked> {
  const file = `nar/${name}`
  const parsed = parseNarFile(name)
  const stats = await stat(layout.nar(name)).catch(() => undefined)
  if (!stats || isPromised(name)) return { findings: [], bytes: 0 }
  if (!parsed || !stats.isFile()) return { findings: [foreign(file)], bytes: 0 }
  const about = { file, narinfos: [], nar: name }
  const bytes = stats.size
  const damaged = (why: string): Checked => ({
    findings: [{ ...about, kind: 'damaged', why }],
    bytes,
  })
  if (bytes === 0) return damaged('is empty')
  try {
    const seen = await hashOf(layout.nar(name))
    if (parsed.shape === 'file' && formatHash(seen) !== formatHash(parsed.fileHash))
      return damaged(`has hash ${formatHash(seen)}`)
  } catch (error) {
    return damaged(damageOf(error))
  }
  const why = 'no narinfo promises it; it is served, and checked when its narinfo is known'
  return { findings: [{ ...about, kind: 'orphan', why }], bytes }
}

/** Errors of a file that is gone or cannot be read, and of what is no file. */
const ofTheFile = new Set(['ENOENT', 'EIO', 'EUCLEAN', 'EISDIR', 'ELOOP', 'ENXIO'])

/**
 * Says what an error tells of a file.
 *
 * @throws the error when it says nothing about the file, such as too many open files
 */
function damageOf(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException
  const isOfContents = isAppError(error) && !isAppError(error, 'CHECK_FAILED')
  if (isOfContents || ofTheFile.has(code)) return messageOf(error)
  throw error
}

function foreign(file: string): Finding {
  const why = 'is no file of a binary cache; narwhal leaves it alone'
  return { kind: 'foreign', file, why, narinfos: [], nar: undefined }
}

async function hashOf(path: string): Promise<Hash> {
  const hasher = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hasher.update(chunk as Buffer)
  return { algorithm: 'sha256', digest: hasher.digest() }
}
