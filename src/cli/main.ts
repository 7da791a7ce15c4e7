#!/usr/bin/env -S node --max-semi-space-size=4
import { Command, CommanderError } from 'commander'
import { isAppError } from '../errors.ts'
import { addAssess } from './assess.ts'
import { addBench } from './bench.ts'
import { addCheckConfig } from './check-config.ts'
import { addDemo } from './demo.ts'
import { addDiagnose } from './diagnose.ts'
import { addDirectNetwork } from './direct-network.ts'
import { addExperiment } from './experiment.ts'
import { addGc } from './gc.ts'
import { addGenerateConfig } from './generate-config.ts'
import { addKeygen } from './keygen.ts'
import { addMonitor } from './monitor.ts'
import { exitCodes, ignoreClosedPipes, paint, tell } from './output.ts'
import { addPlan } from './plan.ts'
import { addProjectTemplate } from './project-template.ts'
import { addServe } from './serve.ts'
import { addStatus } from './status.ts'
import { addToken } from './token.ts'
import { addTroubleshoot } from './troubleshoot.ts'
import { addVerify } from './verify.ts'
import { ownVersion } from './version.ts'

ignoreClosedPipes()
const program = new Command('narwhal')
  .description('a caching HTTP proxy for Nix binary caches')
  .version(ownVersion())
  // Inherited by every command below: throws where commander would end the process with its code.
  .exitOverride()
  .addHelpText('after', '\nExit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 failed.')
for (const add of [
  addServe,
  addStatus,
  addMonitor,
  addVerify,
  addGc,
  addCheckConfig,
  addKeygen,
  addGenerateConfig,
  addToken,
  addDiagnose,
  addAssess,
  addPlan,
  addBench,
  addExperiment,
  addDirectNetwork,
  addTroubleshoot,
  addProjectTemplate,
  addDemo,
])
  add(program)

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
