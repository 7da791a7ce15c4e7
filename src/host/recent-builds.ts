import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A build that has written to its log. */
export interface RecentBuild {
  /** The derivation's name, without hash and extension. */
  readonly name: string
  /** When the log was last written to, in milliseconds since 1970. */
  readonly at: number
}

/** Logs lie in up to 1024 directories; where one was made lately, its directory has changed too. */
const newestDirectories = 8

/**
 * The builds Nix has logged last, newest first.
 *
 * @returns undefined where Nix keeps no logs
 */
export async function listRecentBuilds(
  count: number,
  root = '/nix/var/log/nix/drvs',
): Promise<RecentBuild[] | undefined> {
  const directories = await newest(root, newestDirectories)
  if (directories === undefined) return undefined
  const builds: RecentBuild[] = []
  for (const { name: directory } of directories)
    for (const { name, at } of (await newest(join(root, directory), count)) ?? [])
      builds.push({ name: packageOf(name), at })
  return builds.sort((a, b) => b.at - a.at).slice(0, count)
}

async function newest(
  directory: string,
  count: number,
): Promise<{ name: string; at: number }[] | undefined> {
  const names = await readdir(directory).catch(() => undefined)
  if (names === undefined) return undefined
  const entries = await Promise.all(
    names.map(async (name) => {
      const facts = await stat(join(directory, name)).catch(() => undefined)
      return { name, at: facts?.mtimeMs ?? 0 }
    }),
  )
  return entries.sort((a, b) => b.at - a.at).slice(0, count)
}

/** Log files are called by the rest of the derivation's hash: "<30 characters>-<name>.drv.bz2". */
function packageOf(file: string): string {
  return file.replace(/^[0-9a-z]{30,32}-/, '').replace(/\.drv(\.bz2)?$/, '')
}
