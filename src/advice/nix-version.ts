/**
 * Compares releases of Nix: "2.31.2" with "2.24".
 *
 * @returns undefined where the version is not one of Nix's: unknown, or another implementation
 */
export function isAtLeastNix(version: string | undefined, least: string): boolean | undefined {
  const found = numbers(version ?? '')
  const wanted = numbers(least)
  if (!found || !wanted) return undefined
  for (const [at, part] of wanted.entries()) {
    const own = found[at] ?? 0
    if (own !== part) return own > part
  }
  return true
}

function numbers(version: string): number[] | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version)
  return match?.slice(1).map((part) => Number(part ?? 0))
}
