import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts'
import { type NarwhalOptions, type NarwhalProcess, startNarwhal } from './narwhal-process.ts'
import { freshNixClient, type NixClient, type NixClientOptions } from './nix-client.ts'
import { type RealCacheName, type RealClosure, realClosure } from './real-closure.ts'

export interface ProxiedClosure {
  readonly closure: RealClosure
  /** the first of upstreams */
  readonly upstream: FakeUpstream
  readonly upstreams: readonly FakeUpstream[]
  readonly narwhal: NarwhalProcess
  /** a client that has never seen anything and trusts the upstreams' key alone */
  client(options?: Partial<NixClientOptions>): Promise<NixClient>
}

/** The whole stage: fake upstreams with these caches, the real proxy before them, real clients. */
export function proxiedClosure(...caches: RealCacheName[]): Promise<ProxiedClosure> {
  return proxiedClosureWith({}, ...caches)
}

/** The same with a proxy in another environment. */
export async function proxiedClosureWith(
  env: NonNullable<NarwhalOptions['env']>,
  ...caches: RealCacheName[]
): Promise<ProxiedClosure> {
  const closure = await realClosure()
  const upstreams: FakeUpstream[] = []
  for (const cache of caches) upstreams.push(await startFakeUpstream(closure.cache(cache)))
  const [upstream] = upstreams
  if (upstream === undefined) throw new Error('name at least one cache')
  const trustedKeys = [closure.publicKey]
  const urls = upstreams.map(({ url }) => url)
  const narwhal = await startNarwhal({ upstreams: urls, trustedKeys, env })
  const client = (options: Partial<NixClientOptions> = {}) =>
    freshNixClient({ trustedKeys, ...options })
  return { closure, upstream, upstreams, narwhal, client }
}
