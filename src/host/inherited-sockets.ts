const firstDescriptor = 3
const variables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const

/**
 * Takes the sockets a service manager hands down (systemd.socket, sd_listen_fds(3)), and the
 * variables that announce them: no child of ours must think that they are meant for it.
 *
 * @returns descriptors of sockets that listen already; none when they are for another process
 */
export function takeInheritedSockets(env: NodeJS.ProcessEnv, pid: number): number[] {
  const { LISTEN_PID, LISTEN_FDS } = env
  for (const name of variables) delete env[name]
  if (Number(LISTEN_PID) !== pid || !/^[1-9]\d{0,3}$/.test(LISTEN_FDS ?? '')) return []
  return Array.from({ length: Number(LISTEN_FDS) }, (_, at) => firstDescriptor + at)
}
