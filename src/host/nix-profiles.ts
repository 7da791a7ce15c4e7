import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** What keeps store paths from garbage collection, as far as it can be read. */
export interface NixProfiles {
  /** direct roots, and what programs and users have registered (gcroots/auto) */
  readonly gcRootCount: number | undefined
  /** of the system's profile and of all users' */
  readonly generationCount: number | undefined
}

/** Counts names in a few directories; follows no link and walks no store. */
export async function countNixProfiles(stateDir = '/nix/var/nix'): Promise<NixProfiles> {
  const [direct, auto, profiles, users] = await Promise.all(
    ['gcroots', 'gcroots/auto', 'profiles', 'profiles/per-user'].map((name) =>
      list(join(stateDir, name)),
    ),
  )
  const perUser = await Promise.all(
    (users ?? []).map(({ name }) => list(join(stateDir, 'profiles/per-user', name))),
  )
  const links = [profiles, ...perUser].flatMap((entries) => entries ?? [])
  return {
    gcRootCount:
      direct && direct.filter((entry) => entry.isSymbolicLink()).length + (auto?.length ?? 0),
    generationCount: profiles && links.filter(({ name }) => /-\d+-link$/.test(name)).length,
  }
}

function list(directory: string) {
  return readdir(directory, { withFileTypes: true }).catch(() => undefined)
}
