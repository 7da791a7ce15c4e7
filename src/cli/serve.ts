import type { Command } from 'commander'
import { addConfigFlags, loadConfigFrom } from './load-config.ts'
import { print } from './output.ts'
import { ownVersion } from './version.ts'

/** `narwhal serve`: runs the proxy until it is told to stop. */
export function addServe(program: Command): void {
  const command = program.command('serve').description('run the proxy')
  addConfigFlags(command)
    .addHelpText('after', '\nSIGTERM or SIGINT lets running responses end; a second one ends now.')
    .action(async () => {
      const { config: file, ...flags } = command.opts()
      const config = loadConfigFrom({ config: file, flags })
      const { openLog } = await import('../server/log.ts')
      const { start } = await import('../server/start.ts')
      const log = openLog(config.log, process.stderr)
      const running = await start(config, { log, version: ownVersion() })
      print(`narwhal listens on ${running.addresses.join(' ')}`)
      await stopSignal()
      process.once('SIGTERM', exitNow).once('SIGINT', exitNow)
      log.info({}, 'stopping: waiting for the responses that run')
      await running.stop(config.limits.drainMs)
      log.flush()
    })
}

function stopSignal(): Promise<unknown> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve)
  })
}

function exitNow(): never {
  process.exit(130)
}
