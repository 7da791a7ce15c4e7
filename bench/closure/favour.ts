import { setPriority } from 'node:os'

/**
 * What is a machine of its own in the world (the line, the upstream, another client) does not get
 * slower because this machine has much to do, and a proxy is not kept from its work by what its
 * client unpacks. As setpriority(2) counts: the client has 0.
 */
const nice = { world: -10, proxy: -5 } as const

/** The words before a command line that let it go before others; without the right to, they do nothing. */
export function ahead(role: keyof typeof nice): readonly string[] {
  return process.getuid?.() === 0 ? ['nice', '-n', String(nice[role])] : []
}

/** The same for a process that runs already and has no other threads yet that matter. */
export function favour(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, nice.world)
  } catch {
    // only root may
  }
}
