import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { formatDigest, type Hash } from '../../src/nix/hash.ts'
import { parseNarInfo } from '../../src/nix/narinfo.ts'

/** What node:zlib unpacks; narwhal's own decoders would only confirm themselves. */
const unpackers: Readonly<Record<string, (file: Buffer) => Buffer>> = {
  none: (file) => file,
  br: brotliDecompressSync,
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
}

export interface AuditOptions {
  /** room the NARs may take together, in bytes; default: any */
  readonly maxBytes?: number
  /** partial downloads that may stand in tmp/; default 0 */
  readonly maxPartials?: number
  /** a narinfo may lack its FileSize, as one does whose field name a flipped bit has made unknown */
  readonly mayLackFileSize?: boolean
}

/** What a test says of them. */
export const lies = 'oracle B: lies on the disk'

/**
 * Looks for lies in a whole data directory, from outside and without Nix: NARs that do not hash to
 * their name, narinfos that promise what is not there, an index that says something else than the
 * disk, leftovers in tmp/, more bytes than allowed. Also while a narwhal uses it, once it is quiet.
 *
 * @returns one sentence each; empty when all is well
 */
export async function auditDataDir(
  dataDir: string,
  {
    maxBytes = Number.POSITIVE_INFINITY,
    maxPartials = 0,
    mayLackFileSize = false,
  }: AuditOptions = {},
): Promise<string[]> {
  const cache = join(dataDir, 'cache')
  const files = new Map<string, Buffer>()
  for (const name of await readdir(join(cache, 'nar')))
    files.set(name, await readFile(join(cache, 'nar', name)))
  const total = [...files.values()].reduce((sum, { length }) => sum + length, 0)
  return [
    ...misnamed(files),
    ...(await brokenPromises(cache, files, mayLackFileSize)),
    ...indexErrors(join(dataDir, 'index.sqlite'), files),
    ...(await strayMarks(join(dataDir, 'origin'), files)),
    ...(await leftovers(join(dataDir, 'tmp'), maxPartials)),
    ...(total > maxBytes ? [`the NARs take ${total} bytes of ${maxBytes}`] : []),
  ]
}

function misnamed(files: ReadonlyMap<string, Buffer>): string[] {
  return [...files].flatMap(([name, bytes]) => {
    const digest = /^([0-9a-z]{52})\.nar/.exec(name)?.[1]
    const isRight = digest === undefined || digest === formatDigest(sha256(bytes), 'nix32')
    return isRight ? [] : [`nar/${name} does not hash to its name`]
  })
}

async function brokenPromises(
  cache: string,
  files: ReadonlyMap<string, Buffer>,
  mayLackFileSize: boolean,
) {
  const flaws: string[] = []
  for (const name of await readdir(cache)) {
    if (!name.endsWith('.narinfo')) continue
    const info = parseNarInfo(await readFile(join(cache, name), 'utf8'))
    const file = files.get(info.url.replace('nar/', ''))
    const isSized = info.fileSize !== undefined || !mayLackFileSize
    const nar = file && unpackers[info.compression]?.(file)
    if (!file) flaws.push(`${name} stands without ${info.url}`)
    else if (isSized && file.length !== info.fileSize)
      flaws.push(`${info.url} has ${file.length} bytes`)
    if (nar && formatDigest(sha256(nar), 'nix32') !== formatDigest(info.narHash, 'nix32'))
      flaws.push(`${info.url} unpacks to another NAR than ${name} says`)
  }
  return flaws
}

function indexErrors(path: string, files: ReadonlyMap<string, Buffer>): string[] {
  try {
    return differences(path, files)
  } catch (error) {
    // Such as one whose making was cut short: what is half written would have to be taken back first.
    return [`the index cannot be read: ${(error as Error).message}`]
  }
}

function differences(path: string, files: ReadonlyMap<string, Buffer>): string[] {
  const index = new DatabaseSync(path, { readOnly: true })
  try {
    const rows = index.prepare('SELECT file, bytes FROM nar').all()
    const indexed = new Map(rows.map(({ file, bytes }) => [String(file), Number(bytes)]))
    const unknown = [...files].filter(([name, { length }]) => indexed.get(name) !== length)
    const gone = [...indexed.keys()].filter((name) => !files.has(name))
    return [
      ...unknown.map(([name]) => `the index does not know nar/${name} as it is`),
      ...gone.map((name) => `the index knows nar/${name}, which is not there`),
    ]
  } finally {
    index.close()
  }
}

/** What was pushed here is marked; a mark alone would keep a copy for ever that comes later. */
async function strayMarks(origin: string, files: ReadonlyMap<string, Buffer>): Promise<string[]> {
  const marks = await readdir(origin).catch(() => [])
  return marks.filter((name) => !files.has(name)).map((name) => `origin/${name} marks nothing`)
}

async function leftovers(tmp: string, maxPartials: number): Promise<string[]> {
  const names = await readdir(tmp)
  const partials = names.filter((name) => name.endsWith('.part'))
  const strange = names.filter((name) => !name.endsWith('.part'))
  return [
    ...strange.map((name) => `tmp/${name} was left behind`),
    ...(partials.length > maxPartials ? partials.map((name) => `tmp/${name} was left behind`) : []),
  ]
}

function sha256(bytes: Uint8Array): Hash {
  return { algorithm: 'sha256', digest: createHash('sha256').update(bytes).digest() }
}
