/** What goes before a server's command line, so that the kernel answers it as a test wants. */

const strace = ['strace', '-f', '-qq']
/** Only the calls named stop the server, where otherwise each does. Signals are not injected so. */
const quickly = '--seccomp-bpf'

/** Writes the system calls named, in strace's words ("open,openat"), to a file. */
export function tracing(calls: string, file: string): readonly string[] {
  return [...strace, quickly, '-e', `trace=${calls}`, '-o', file]
}

/**
 * Lets system calls fail. strace counts them by thread.
 *
 * @param fault in strace's words: "fdatasync:error=EIO:when=2..4"
 * @param paths only calls on these files; default: all
 */
export function injecting(fault: string, ...paths: readonly string[]): readonly string[] {
  const filter = paths.flatMap((path) => ['-P', path])
  return [...tracing(callOf(fault), '/dev/null'), ...filter, '-e', `inject=${fault}`]
}

/** Kills the server at the nth call of a system call in one of its threads. */
export function killingAt(call: string, nth: number): readonly string[] {
  const inject = `inject=${call}:signal=KILL:when=${nth}`
  return [...strace, '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject]
}

function callOf(fault: string): string {
  return fault.slice(0, fault.indexOf(':'))
}
