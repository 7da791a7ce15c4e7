import { readFile } from 'node:fs/promises'
import type { Config, UpstreamConfig } from '../config/config.ts'
import { AppError, messageOf } from '../errors.ts'
import { keyRing } from '../nix/signature.ts'
import type { Source } from '../nix/source.ts'
import { type Login, loginFor } from '../policy/netrc.ts'
import type { Upstream } from '../proxy/upstream.ts'
import type { Log, Telemetry } from '../telemetry.ts'
import { directoryUpstream } from '../upstream/directory.ts'
import { guarded } from '../upstream/guarded.ts'
import { httpUpstream } from '../upstream/http.ts'
import { inLine } from '../upstream/in-line.ts'
import { observed } from '../upstream/observed.ts'

/**
 * Makes the configured upstreams ready to be asked. It reaches for none of them.
 *
 * @throws AppError SECRET_UNREADABLE
 */
export async function openUpstreams(
  config: Config,
  { log, telemetry }: { readonly log: Log; readonly telemetry: Telemetry },
): Promise<Upstream[]> {
  const netrc = config.netrcFile === undefined ? '' : await readSecret(config.netrcFile)
  const now = () => performance.now()
  return Promise.all(
    config.upstreams.map(async (upstream) => {
      const source = await openSource(upstream, {
        maxConnections: config.limits.upstreamConnections,
        netrc,
      })
      return {
        source: inLine(
          guarded(observed(source, telemetry), { log, now }),
          config.limits.upstreamConnections,
        ),
        counters: telemetry.upstream(source.name),
        priority: upstream.priority,
        keys: keyRing([...config.trustedPublicKeys, ...upstream.publicKeys]),
        verify: upstream.verify,
      }
    }),
  )
}

async function openSource(
  upstream: UpstreamConfig,
  { maxConnections, netrc }: { readonly maxConnections: number; readonly netrc: string },
): Promise<Source> {
  const { url } = upstream
  const { protocol, host, hostname, pathname } = new URL(url)
  if (protocol === 'file:') return directoryUpstream(url, url)
  const name = pathname === '/' ? host : host + pathname
  return httpUpstream({
    name,
    url,
    authorization: (await authorizationOf(upstream)) ?? basic(loginFor(netrc, hostname)),
    ca: upstream.caFile === undefined ? undefined : await readSecret(upstream.caFile),
    maxConnections,
  })
}

async function authorizationOf(upstream: UpstreamConfig): Promise<string | undefined> {
  const { username, passwordFile, bearerTokenFile } = upstream
  if (bearerTokenFile !== undefined) return `Bearer ${await readSecret(bearerTokenFile)}`
  if (username === undefined || passwordFile === undefined) return undefined
  return basic({ username, password: await readSecret(passwordFile) })
}

function basic(login: Login | undefined): string | undefined {
  if (!login) return undefined
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
}

/** Reads a file the configuration names: a password, a token, certificates. */
async function readSecret(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('SECRET_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  return text.trim()
}
