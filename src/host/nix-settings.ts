import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isAtLeastNix } from '../advice/nix-version.ts'
import { programOutput } from './program-output.ts'

/** What the Nix of this machine says of itself. */
export interface NixReading {
  readonly version: string | undefined
  /** those of nix.conf that advice goes by, as `nix show-config` tells them */
  readonly settings: Readonly<Record<string, string>>
}

/** Where Nix is on NixOS and elsewhere, for who has no PATH of a login: services, sudo. */
const usualPrograms = [
  '/run/current-system/sw/bin/nix',
  '/nix/var/nix/profiles/default/bin/nix',
] as const

/** No others are kept: some hold secrets (access-tokens), and what is read here is printed and sent on. */
const told: ReadonlySet<string> = new Set([
  ...['max-jobs', 'cores', 'builders', 'builders-use-substitutes', 'system', 'system-features'],
  ...['substituters', 'trusted-substituters', 'trusted-public-keys', 'trusted-users'],
  ...['require-sigs', 'substitute', 'always-allow-substitutes', 'fallback', 'store'],
  ...['http-connections', 'http2', 'max-substitution-jobs', 'download-buffer-size'],
  ...['connect-timeout', 'stalled-download-timeout', 'download-attempts', 'download-speed'],
  ...['narinfo-cache-negative-ttl', 'narinfo-cache-positive-ttl'],
  ...['min-free', 'max-free', 'keep-outputs', 'keep-derivations', 'auto-optimise-store'],
  ...['sandbox', 'timeout', 'max-silent-time', 'experimental-features', 'extra-platforms'],
  ...['auto-allocate-uids', 'use-cgroups', 'compress-build-log', 'fsync-metadata'],
])

/**
 * Asks Nix for its version and its settings; both are missing where there is no Nix. Takes 7 seconds
 * at most.
 */
export async function readNix(elsewhere: readonly string[] = usualPrograms): Promise<NixReading> {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    // An empty entry would be the directory we are in.
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, 'nix'))
  const program = [...onPath, ...elsewhere].find(isProgram)
  const none = { version: undefined, settings: {} }
  if (program === undefined) return none
  const output = await programOutput(program, ['--version'], { timeoutMs: 3000 })
  if (output === undefined) return none
  // "nix (Nix) 2.31.2", "nix (Determinate Nix 3.1.1) 2.28.1", "nix (Lix, like Nix) 2.93.0"
  const version = /^nix \(.*\) (\S+)$/m.exec(output)?.[1]
  const allow = ['--extra-experimental-features', 'nix-command']
  const words = [['config', 'show'], ['show-config']]
  // Renamed in 2.20; not everything that calls itself Nix followed.
  if (isAtLeastNix(version, '2.20') !== true) words.reverse()
  for (const [at, word] of words.entries()) {
    const timeoutMs = at === 0 ? 2500 : 1500
    const text = await programOutput(program, [...allow, ...word], { timeoutMs })
    if (text !== undefined) return { version, settings: settingsOf(text) }
  }
  return { version, settings: {} }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** @param text "name = value" a line */
export function settingsOf(text: string): Record<string, string> {
  const found = [...text.matchAll(/^([\w-]+) =[ \t]*(.*)$/gm)]
  return Object.fromEntries(
    found
      .filter(([, name = '']) => told.has(name))
      .map(([, name, value = '']) => [name, withoutPasswords(value.trim())]),
  )
}

/** A substituter may be given as https://user:password@cache.example.org. */
function withoutPasswords(value: string): string {
  return value.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1')
}
