/** What a machine is wanted for. Each is judged by itself: 2 GB are enough for the first only. */
export const roles = ['proxy', 'cache', 'builder'] as const
export type Role = (typeof roles)[number]

/** What each role does, for people. */
export const roleTexts: Readonly<Record<Role, string>> = {
  proxy: 'a cache in front of cache.nixos.org; nothing is built here',
  cache: 'keeps what other machines build and push, besides being a proxy',
  builder: 'compiles here, and serves what it has built',
}
