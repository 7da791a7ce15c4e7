import type { AdvisedSetting, WantedConfig } from './wanted-config.ts'

export const nixosCache = 'https://cache.nixos.org'
/** What cache.nixos.org says of itself in nix-cache-info; Nix asks lower numbers first. */
export const nixosPriority = 40
/** Nearest first, each with room between. */
const firstPriority = 10
const priorityStep = 5

/** One cache of several that are asked in turn. */
export interface Tier {
  readonly url: string
  readonly priority: number
}

/**
 * Orders caches: those given, nearest first, then cache.nixos.org.
 *
 * Every priority is lower than the one before it is preferred to, and all are lower than that of
 * cache.nixos.org: Nix and narwhal both take the lower number first.
 */
export function tiersOf(urls: readonly string[]): Tier[] {
  const nearer = urls.filter((url) => url !== nixosCache)
  const step = Math.min(
    priorityStep,
    Math.max(1, Math.floor((nixosPriority - firstPriority) / (nearer.length + 1))),
  )
  return [
    ...nearer.map((url, at) => ({ url, priority: firstPriority + at * step })),
    { url: nixosCache, priority: nixosPriority },
  ]
}

/**
 * Writes a cache as nix.conf's substituters want it: with its priority, for two that both say 30 of
 * themselves would be asked in no certain order.
 */
export function substituter({ url, priority }: Tier): string {
  if (url === nixosCache) return url
  return `${url}${url.includes('?') ? '&' : '?'}priority=${priority}`
}

/** The substituters of a client, without cache.nixos.org, which Nix has by itself. */
export function nearSubstituters(serverAddresses: readonly string[]): string[] {
  return tiersOf(serverAddresses)
    .filter(({ url }) => url !== nixosCache)
    .map(substituter)
}

/** Says the way an answer takes, for people. */
export function chainText(config: WantedConfig): string {
  return ['client', ...config.serverAddresses, nixosCache].join(' → ')
}

/** A setting of the advice by its key. */
export function settingOf(
  settings: readonly AdvisedSetting[],
  key: string,
): AdvisedSetting | undefined {
  return settings.find((setting) => setting.key === key)
}
