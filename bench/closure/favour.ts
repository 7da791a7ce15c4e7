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

/**
 * The words before the command line of a client whose own time is not measured: it gets what all
 * others leave. Where the kernel shares the processor among sessions first (sched(7), autogroups),
 * that must be said of its session.
 */
export function behind(): readonly string[] {
  const script = '{ echo 19 > /proc/self/autogroup; } 2>/dev/null; exec chrt --idle 0 "$@"'
  return ['sh', '-c', script, 'sh']
}

/** Lets a process go before others as `world` that runs already and has no other threads yet that matter. */
export function favour(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, nice.world)
  } catch {
    // only root may
  }
}
