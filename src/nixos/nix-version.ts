import type { AdvisedSetting } from './wanted-config.ts'

/**
 * Says whether a Nix knows what came with another one.
 *
 * @param version such as "2.31.2" or "2.18.1-pre20231122"
 * @returns undefined when either is no version
 */
export function isNixAtLeast(version: string, minimum: string): boolean | undefined {
  const own = numbersOf(version)
  const wanted = numbersOf(minimum)
  if (own === undefined || wanted === undefined) return undefined
  return own.major === wanted.major ? own.minor >= wanted.minor : own.major > wanted.major
}

function numbersOf(version: string): { major: number; minor: number } | undefined {
  const match = /^(\d+)\.(\d+)/.exec(version)
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined
}

/**
 * Says whether a setting may be written for a Nix.
 *
 * @param assumed what holds where nobody knows the version
 */
export function isKnownToNix(
  { minimumNix }: AdvisedSetting,
  version: string | undefined,
  assumed: boolean,
): boolean {
  if (minimumNix === undefined) return true
  if (version === undefined) return assumed
  return isNixAtLeast(version, minimumNix) ?? assumed
}
