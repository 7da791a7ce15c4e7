/**
 * The chance that somebody who comes has to wait, with `servers` that are offered so much work.
 * Erlang's C formula, by the recursion of his B formula, which does not overflow.
 *
 * @param load work in erlangs: arrivals in an hour × hours each takes; 0 or more
 * @returns 1 when the work never ends: load ≥ servers
 */
export function waitingChance(servers: number, load: number): number {
  if (load <= 0) return 0
  if (servers <= load) return 1
  let blocking = 1
  for (let n = 1; n <= servers; n += 1) blocking = (load * blocking) / (n + load * blocking)
  return blocking / (1 - (load / servers) * (1 - blocking))
}

/**
 * How long one waits on average before the work begins, in the unit of `duration`.
 *
 * @param duration how long the work takes on average
 */
export function meanWait(servers: number, load: number, duration: number): number {
  if (load <= 0) return 0
  if (servers <= load) return Number.POSITIVE_INFINITY
  return (waitingChance(servers, load) * duration) / (servers - load)
}

/** The fewest servers with which the average wait is no longer than `mostWait`. */
export function serversFor(
  load: number,
  { duration, mostWait }: { readonly duration: number; readonly mostWait: number },
): number {
  if (load <= 0) return 0
  let servers = Math.floor(load) + 1
  let blocking = 1
  for (let n = 1; n <= servers; n += 1) blocking = (load * blocking) / (n + load * blocking)
  for (;;) {
    const chance = blocking / (1 - (load / servers) * (1 - blocking))
    if ((chance * duration) / (servers - load) <= mostWait) return servers
    servers += 1
    blocking = (load * blocking) / (servers + load * blocking)
  }
}
