#!/usr/bin/env -S node --max-semi-space-size=4
import { Command, CommanderError } from 'commander'
import { isAppError } from '../errors.ts'
import { exitCodes, paint, tell, watchOutput } from './output.ts'
import { ownVersion } from './version.ts'

/** Every command, in the order of --help. Each is loaded when it is asked for: serve pays for no advice. */
const commands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  serve: async () => (await import('./serve.ts')).addServe,
  status: async () => (await import('./status.ts')).addStatus,
  monitor: async () => (await import('./monitor.ts')).addMonitor,
  verify: async () => (await import('./verify.ts')).addVerify,
  gc: async () => (await import('./gc.ts')).addGc,
  'check-config': async () => (await import('./check-config.ts')).addCheckConfig,
  keygen: async () => (await import('./keygen.ts')).addKeygen,
  token: async () => (await import('./token.ts')).addToken,
  diagnose: async () => (await import('./diagnose.ts')).addDiagnose,
  assess: async () => (await import('./assess.ts')).addAssess,
  plan: async () => (await import('./plan.ts')).addPlan,
  'generate-config': async () => (await import('./generate-config.ts')).addGenerateConfig,
  'direct-network': async () => (await import('./direct-network.ts')).addDirectNetwork,
  experiment: async () => (await import('./experiment.ts')).addExperiment,
  troubleshoot: async () => (await import('./troubleshoot.ts')).addTroubleshoot,
  'project-template': async () => (await import('./project-template.ts')).addProjectTemplate,
  bench: async () => (await import('./bench.ts')).addBench,
  demo: async () => (await import('./demo.ts')).addDemo,
}

watchOutput()
const program = new Command('narwhal')
  .description('a caching HTTP proxy for Nix binary caches')
  .version(ownVersion())
  // Inherited by every command below: throws where commander would end the process with its code.
  .exitOverride()
  .addHelpText('after', '\nExit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 failed.')
const asked = process.argv[2] ?? ''
const loaders = Object.hasOwn(commands, asked) ? [commands[asked]] : Object.values(commands)
for (const load of loaders) (await load?.())?.(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = explain(error)
}

/** Says what went wrong where it has not been said yet, and what to exit with. */
function explain(error: unknown): number {
  // Commander has written its message; it ends --help and --version this way too, with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (!isAppError(error)) {
    tell(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return exitCodes.failed
  }
  tell(`${paint('red', 'error:', process.stderr)} ${error.message}`)
  tell(`${paint('dim', 'hint:', process.stderr)} ${error.hint}`)
  const isMisused = isAppError(error, 'BAD_USAGE', 'BAD_MACHINE')
  return isMisused ? exitCodes.usage : exitCodes.failed
}
