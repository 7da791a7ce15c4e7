import type { Command } from 'commander'
import { messageOf } from '../errors.ts'
import { takeInheritedSockets } from '../host/inherited-sockets.ts'
import { hasTerminal } from '../host/terminal.ts'
import type { ClosableLog } from '../server/log.ts'
import { addConfigFlags, type ConfigSource, loadConfigFrom } from './load-config.ts'
import { ignoreBrokenOutput, print } from './output.ts'
import { ownVersion } from './version.ts'

/** `narwhal serve`: runs the proxy until it is told to stop. */
export function addServe(program: Command): void {
  const command = program.command('serve').description('run the proxy')
  addConfigFlags(command)
    .addHelpText(
      'after',
      '\nSIGTERM or SIGINT lets running responses end; a second one ends now.' +
        '\nSIGHUP reads the configuration again; requests that run are not disturbed.',
    )
    .action(() => {
      const { config, ...flags } = command.opts()
      return serve({ config, flags })
    })
}

async function serve(source: ConfigSource): Promise<never> {
  const inherited = takeInheritedSockets(process.env, process.pid)
  const config = loadConfigFrom(source)
  // Only this command pays for loading the server.
  const { openLog } = await import('../server/log.ts')
  const { start } = await import('../server/start.ts')
  const { findServiceManager } = await import('../host/service-manager.ts')
  const { startTracing } = await import('../server/tracing.ts')
  const { Reloading } = await import('./serve/reloading.ts')
  const { tuneCollector } = await import('./serve/tune-collector.ts')
  tuneCollector()
  ignoreBrokenOutput()
  const log = openLog(config.log, process.stderr)
  crashLoudly(log)
  const manager = findServiceManager(process.env, log)

  const version = ownVersion()
  const tracing = await startTracing(process.env, { version, log })
  const running = await start(config, { log, version, inherited })
  const reloading = new Reloading(source, config, { running, log, manager })
  const stop = stopSignal()
  const wasAtTerminal = hasTerminal()
  process.on('SIGHUP', () => {
    // A terminal that is closed says so with the same signal.
    if (wasAtTerminal && !hasTerminal()) process.kill(process.pid, 'SIGTERM')
    else reloading.request()
  })
  print(`narwhal listens on ${running.addresses.join(' ')}`)
  manager.ready()

  await stop
  process.once('SIGTERM', exitNow).once('SIGINT', exitNow)
  manager.stopping()
  log.info({}, 'stopping: waiting for the responses that run')
  await running.stop(reloading.config.limits.drainMs)
  await tracing.stop()
  await log.flush()
  // What waits to be read on stderr would hold a process that ends by itself.
  process.exit(0)
}

function stopSignal(): Promise<unknown> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve)
  })
}

function exitNow(): never {
  process.exit(130)
}

/** After an error nobody expected, nothing is sure any more: whoever started us starts us again. */
function crashLoudly(log: ClosableLog): void {
  process.on('uncaughtException', (err) => {
    log.error({ err }, `crashed: ${messageOf(err)}`)
    log.flushNow()
    process.exit(1)
  })
}
