import { readFile } from 'node:fs/promises'
import type { Config, UpstreamConfig } from '../config/config.ts'
import { AppError, messageOf } from '../errors.ts'
import { keyRing } from '../nix/signature.ts'
import type { Source } from '../nix/source.ts'
import type { Upstream } from '../proxy/upstream.ts'
import { directoryUpstream } from '../upstream/directory.ts'
import { httpUpstream } from '../upstream/http.ts'

/**
 * Makes the configured upstreams ready to be asked. It reaches for none of them.
 *
 * @throws AppError SECRET_UNREADABLE
 */
export function openUpstreams(config: Config): Promise<Upstream[]> {
  return Promise.all(
    config.upstreams.map(async (upstream) => ({
      source: await openSource(upstream, config.limits.upstreamConnections),
      priority: upstream.priority,
      keys: keyRing([...config.trustedPublicKeys, ...upstream.publicKeys]),
      verify: upstream.verify,
    })),
  )
}

async function openSource(upstream: UpstreamConfig, maxConnections: number): Promise<Source> {
  const { url } = upstream
  const { protocol, host, pathname } = new URL(url)
  if (protocol === 'file:') return directoryUpstream(url, url)
  const name = pathname === '/' ? host : host + pathname
  return httpUpstream({ name, url, authorization: await authorizationOf(upstream), maxConnections })
}

async function authorizationOf(upstream: UpstreamConfig): Promise<string | undefined> {
  const { username, passwordFile, bearerTokenFile } = upstream
  if (bearerTokenFile !== undefined) return `Bearer ${await readSecret(bearerTokenFile)}`
  if (username === undefined || passwordFile === undefined) return undefined
  const password = await readSecret(passwordFile)
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function readSecret(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('SECRET_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  return text.trim()
}
