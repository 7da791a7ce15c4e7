import { cacheUrl } from '../../config/cache-url.ts'
import type { Kind } from '../../config/kind.ts'
import { publicKey } from '../../config/public-key.ts'
import { AppError } from '../../errors.ts'
import type { BuildMachine } from '../../nixos/wanted-config.ts'

/** The flags of generate-config that need reading, as they were typed. */
export interface TypedFlags {
  readonly client?: boolean
  readonly serverAddress?: readonly string[]
  readonly upstream?: readonly string[]
  readonly publicKey?: readonly string[]
  readonly signingKeyFile?: string
  readonly distributed?: string
  readonly distributedJobs?: string
}

export interface ReadFlags {
  readonly serverAddresses: readonly string[]
  readonly upstreams: readonly string[]
  readonly publicKeys: readonly string[]
  readonly signingKeyFile: string | undefined
  readonly buildMachine: BuildMachine | undefined
}

const usualPort = 5000
const usualUser = 'nix-builder'

/**
 * Reads what was typed.
 *
 * @throws AppError BAD_USAGE that names every mistake, one a line
 */
export function readFlags(typed: TypedFlags): ReadFlags {
  const mistakes: string[] = []
  const complain = (mistake: string): undefined => void mistakes.push(mistake)
  const list = (flag: string, kind: Kind<string>, texts: readonly string[] = []): string[] =>
    texts.flatMap((text) => {
      const read = kind.read(text, ({ message }) => complain(`--${flag}: ${message}`))
      return read === undefined ? [] : [read]
    })
  if (typed.client && typed.serverAddress === undefined)
    complain('--client: give the narwhal to substitute from: --server-address cache.lan')
  if (typed.client && (typed.upstream !== undefined || typed.signingKeyFile !== undefined))
    complain('--client: --upstream and --signing-key-file are for the server')
  const read: ReadFlags = {
    serverAddresses: list('server-address', cacheUrl, typed.serverAddress?.map(asUrl)),
    upstreams: list('upstream', cacheUrl, typed.upstream),
    publicKeys: list('public-key', publicKey, typed.publicKey),
    signingKeyFile: signingKeyFile(typed.signingKeyFile, complain),
    buildMachine: buildMachine(typed, complain),
  }
  if (mistakes.length > 0) throw new AppError('BAD_USAGE', mistakes.join('\n'))
  return read
}

type Complain = (mistake: string) => undefined

/** "cache.lan" and "cache.lan:5000" are enough; narwhal's own port where none is given. */
function asUrl(text: string): string {
  const bare = /^(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?\/?$/i.exec(text)
  return bare ? `http://${bare[1]}${bare[2] ?? `:${usualPort}`}` : text
}

function signingKeyFile(path: string | undefined, complain: Complain): string | undefined {
  if (path === undefined) return undefined
  if (!path.startsWith('/') || /[\s:]/.test(path))
    return complain('--signing-key-file: give an absolute path without spaces and colons')
  if (path.startsWith('/nix/store/'))
    return complain('--signing-key-file: everybody can read the store; keep the key outside it')
  return path
}

function buildMachine(typed: TypedFlags, complain: Complain): BuildMachine | undefined {
  const { distributed, distributedJobs } = typed
  const maxJobs = distributedJobs === undefined ? undefined : Number(distributedJobs)
  if (maxJobs !== undefined && !/^[1-9]\d{0,3}$/.test(distributedJobs ?? ''))
    complain('--distributed-jobs: give a whole number such as 8')
  if (distributed === undefined) {
    if (distributedJobs !== undefined) complain('--distributed-jobs goes with --distributed HOST')
    return undefined
  }
  const match = /^(?:ssh(?:-ng)?:\/\/)?(?:([a-z_][\w-]*)@)?([\w.-]+)$/i.exec(distributed)
  const host = match?.[2]
  if (host === undefined || host.startsWith('-'))
    return complain('--distributed: give a host such as builder.lan, or user@builder.lan')
  return { host, user: match?.[1] ?? usualUser, maxJobs }
}
