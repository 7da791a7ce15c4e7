import { type ChildProcess, spawn } from 'node:child_process'
import { messageOf } from '../errors.ts'
import type { Log } from '../telemetry.ts'

/** Tells who started this process what it is doing: systemd's notify protocol, sd_notify(3). */
export interface ServiceManager {
  /** It serves, or serves again after a reload. From now on the watchdog is fed. */
  ready(): void
  reloading(): void
  stopping(): void
}

const silent: ServiceManager = {
  ready: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
}

/**
 * Node has no datagram Unix sockets, so systemd's own program sends what this one reads. One shell
 * for the whole run: to fork this process for every message would hold up its event loop. It outlives
 * the signals that stop this process, and ends when its input does.
 */
const relay = `trap '' TERM INT HUP
while read -r message; do systemd-notify $message || echo "systemd-notify failed ($?)" >&2; done`

/**
 * Finds the service manager in the environment, and takes the variables that announce it.
 *
 * @returns one that does nothing where there is none
 */
export function findServiceManager(env: NodeJS.ProcessEnv, log: Log): ServiceManager {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  if (!NOTIFY_SOCKET) return silent
  const send = relayTo({ ...env, NOTIFY_SOCKET }, log)
  const isForUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  const watchdogMs = isForUs ? Number(WATCHDOG_USEC ?? 0) / 1000 : 0
  let feeding: NodeJS.Timeout | undefined
  return {
    ready() {
      send('READY=1')
      // Its timer stands still when the event loop does: then systemd gets no word, and restarts it.
      if (watchdogMs > 0 && !feeding)
        feeding = setInterval(() => send('WATCHDOG=1'), watchdogMs / 2).unref()
    },
    reloading() {
      const microseconds = process.hrtime.bigint() / 1000n
      send(`RELOADING=1 MONOTONIC_USEC=${microseconds}`)
    },
    stopping: () => send('STOPPING=1'),
  }
}

/** Starts the relay with the first message, and another one with the next when it has died. */
function relayTo(env: NodeJS.ProcessEnv, log: Log): (message: string) => void {
  let child: ChildProcess | undefined
  const warn = (what: unknown) =>
    log.warn({}, `could not tell the service manager: ${messageOf(what).trim()}`)
  return (message) => {
    child ??= startRelay(env, warn, (ended) => {
      if (child === ended) child = undefined
    })
    child.stdin?.write(`${message}\n`)
  }
}

function startRelay(
  env: NodeJS.ProcessEnv,
  warn: (what: unknown) => void,
  onEnd: (child: ChildProcess) => void,
): ChildProcess {
  const stdio = ['pipe', 'ignore', 'pipe'] as const
  const child = spawn('/bin/sh', ['-c', relay], { env, stdio: [...stdio] })
  child.on('error', (error) => {
    warn(error)
    onEnd(child)
  })
  // Its input stays open as long as this process runs: it has been killed.
  child.on('exit', (code, signal) => {
    warn(`its relay ended (${signal ?? code}); the next message starts another`)
    onEnd(child)
  })
  child.stdin.on('error', warn)
  child.stderr.setEncoding('utf8').on('data', warn)
  return child
}
