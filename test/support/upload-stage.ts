import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import { formatPublicKey, formatSecretKey, generateSecretKey } from '../../src/nix/signature.ts'
import {
  formatToken,
  printTokens,
  saltBytes,
  type TokenRecord,
  tokenBytes,
  tokenRecord,
} from '../../src/policy/token.ts'
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts'
import { type NarwhalOptions, type NarwhalProcess, startNarwhal } from './narwhal-process.ts'
import { exchangeRaw, type RawResponse, requestRaw } from './raw-http.ts'
import { type SyntheticCache, syntheticCache } from './synthetic-cache.ts'
import { tempDir } from './temp-dir.ts'

export interface UploadStageOptions extends Pick<NarwhalOptions, 'wrapper' | 'env' | 'dataDir'> {
  /** what is pushed; default: three small paths of zstd */
  readonly pushed?: Parameters<typeof syntheticCache>[0]
  /** the directory its upstream serves, or `pushed`: the same paths; default: an empty one */
  readonly upstream?: string
  /** false: no believed key has signed what is pushed; default true */
  readonly isTrusted?: boolean
  /** believed in place of that key, or of none */
  readonly trustedKey?: string
  /** true: narwhal has a key of its own */
  readonly signs?: boolean
  /** false: a narwhal that takes nothing */
  readonly hasTokens?: boolean
  /** more lines of the configuration, before its first table */
  readonly config?: string
  readonly args?: readonly string[]
}

/** A real server that takes uploads, and a cache whose paths are pushed to it. */
export interface UploadStage {
  readonly narwhal: NarwhalProcess
  readonly upstream: FakeUpstream
  readonly cache: SyntheticCache
  /** the last of them: the root of the closure */
  readonly info: NarInfo
  /** the file behind its URL */
  readonly bytes: Buffer
  readonly token: string
  readonly tokensFile: string
  /** of the key narwhal signs with, as nix.conf wants it */
  readonly ownKey: string
  get(path: string, options?: Parameters<typeof requestRaw>[1]): Promise<RawResponse>
  /** PUT with the token, unless another or none ('') is given */
  put(path: string, body: Uint8Array | string, options?: PutOptions): Promise<RawResponse>
  delete(path: string, token?: string): Promise<RawResponse>
  pushNar(info?: NarInfo): Promise<RawResponse>
  /** @param changes what the narinfo says instead */
  pushNarinfo(info?: NarInfo, changes?: Partial<NarInfo>): Promise<RawResponse>
  /** NAR, then narinfo, as Nix does; both statuses */
  push(info?: NarInfo): Promise<readonly [number, number]>
  /** Kills the server and starts another on the same data, without a wrapper. */
  successor(): Promise<UploadStage>
}

export interface PutOptions {
  readonly token?: string
  /** "Name: value" each */
  readonly headers?: readonly string[]
  /** announced instead of the real length */
  readonly announced?: number
}

export async function uploadStage(options: UploadStageOptions = {}): Promise<UploadStage> {
  const { isTrusted = true, signs = false, hasTokens = true } = options
  const cache = await syntheticCache({ paths: 3, totalBytes: 600_000, ...options.pushed })
  const upstreamDirectory =
    options.upstream === 'pushed' ? cache.directory : (options.upstream ?? (await tempDir('empty')))
  const upstream = await startFakeUpstream(upstreamDirectory)
  const directory = await tempDir('config')
  const tokensFile = join(directory, 'tokens.json')
  const keyFile = join(directory, 'own.secret')
  const token = newToken()
  await writeTokens(tokensFile, [recordOf('pusher', token)])
  const key = generateSecretKey('own-1')
  await writeFile(keyFile, formatSecretKey(key), { mode: 0o600 })
  const configFile = join(directory, 'narwhal.toml')
  const tables = [
    options.config ?? '',
    hasTokens ? `[auth]\ntokens_file = "${tokensFile}"` : '',
    signs ? `[signing]\nkey_file = "${keyFile}"` : '',
  ]
  await writeFile(configFile, `${tables.join('\n')}\n`)
  const trusted = options.trustedKey ?? (isTrusted ? cache.publicKey : strangersKey())
  const start = (changes: Partial<NarwhalOptions>) =>
    startNarwhal({
      ...options,
      upstreams: [upstream.url],
      env: {
        NARWHAL_RECOMPRESS_ENABLED: 'false',
        NARWHAL_LIMITS_PATIENCE: '500ms',
        ...options.env,
      },
      args: ['--config', configFile, ...(options.args ?? [])],
      trustedKeys: [trusted],
      ...changes,
    })
  const info = cache.infos.at(-1) as NarInfo
  const bytes = await cache.bytesOf(info)
  const ownKey = formatPublicKey(key.publicKey)
  const facts = { upstream, cache, token, tokensFile, info, bytes, ownKey }
  const stageOf = (narwhal: NarwhalProcess): UploadStage => ({
    ...facts,
    ...actions({ ...facts, narwhal }),
    narwhal,
    async successor() {
      await narwhal.kill()
      return stageOf(await start({ dataDir: narwhal.dataDir, wrapper: [] }))
    },
  })
  return stageOf(await start({}))
}

function strangersKey(): string {
  return formatPublicKey(generateSecretKey('stranger-1').publicKey)
}

type Facts = Pick<UploadStage, 'narwhal' | 'cache' | 'token' | 'info'>

function actions({ narwhal, cache, token, info: last }: Facts) {
  const stage: Omit<
    UploadStage,
    keyof Facts | 'upstream' | 'tokensFile' | 'bytes' | 'ownKey' | 'successor'
  > = {
    get: (path, request) => requestRaw(`${narwhal.url}${path}`, request),
    async put(path, body, { token: given = token, headers = [], announced } = {}) {
      const bytes = Buffer.from(body)
      const head = [
        `PUT ${path} HTTP/1.1`,
        'Host: x',
        'Connection: close',
        `Content-Length: ${announced ?? bytes.length}`,
        ...(given === '' ? [] : [basic(given)]),
        ...headers,
      ]
      return onlyOne(
        await exchangeRaw(
          narwhal.port,
          Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes]),
          { methods: ['PUT'] },
        ),
      )
    },
    delete: (path, given = token) =>
      requestRaw(`${narwhal.url}${path}`, {
        method: 'DELETE',
        headers: given === '' ? [] : [`Authorization: Bearer ${given}`],
      }),
    pushNar: async (info = last) => stage.put(`/${info.url}`, await cache.bytesOf(info)),
    pushNarinfo: (info = last, changes = {}) =>
      stage.put(`/${info.storePath.hash}.narinfo`, printNarInfo({ ...info, ...changes })),
    async push(info = last) {
      const nar = await stage.pushNar(info)
      return [nar.status, (await stage.pushNarinfo(info)).status]
    },
  }
  return stage
}

export function newToken(): string {
  return formatToken(randomBytes(tokenBytes))
}

/** What a tokens file keeps. @param expires RFC 3339 */
export function recordOf(name: string, token: string, expires?: string): TokenRecord {
  const facts = { name, created: new Date().toISOString(), expires }
  return tokenRecord(token, facts, randomBytes(saltBytes))
}

export function writeTokens(file: string, tokens: readonly TokenRecord[]): Promise<void> {
  return writeFile(file, printTokens(tokens), { mode: 0o600 })
}

/** As curl makes it of netrc. */
export function basic(token: string): string {
  return `Authorization: Basic ${Buffer.from(`anybody:${token}`).toString('base64')}`
}

function onlyOne({ responses }: Awaited<ReturnType<typeof exchangeRaw>>): RawResponse {
  const [response] = responses
  if (response === undefined) throw new Error('no answer')
  return response
}
