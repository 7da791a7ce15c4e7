import type { Command } from 'commander'
import { Option } from 'commander'
import { type Assessment, assess } from '../advice/assess.ts'
import { type Role, roles } from '../advice/roles.ts'
import { printAssessments } from './assess/print.ts'
import { exitCodes, printJson } from './output.ts'
import { addMachineOptions, type MachineOptions, machineFrom } from './sidecar/machine-options.ts'

interface Flags extends MachineOptions {
  readonly role?: Role
  readonly json?: boolean
}

/** What `narwhal assess --json` prints. */
export interface AssessmentReport {
  /** where the machine is known from: "this machine", a file, "given by hand" */
  readonly source: string
  /** one for each role asked about */
  readonly assessments: readonly Assessment[]
}

/** Adds `narwhal assess`: what this machine is enough for, and what is not. */
export function addAssess(program: Command): void {
  const command = program
    .command('assess')
    .description('say what a machine is enough for: proxy, cache of own builds, builder')
    .addOption(new Option('--role <ROLE>', 'judge this role alone').choices(roles))
    .option('--json', 'write the assessment as JSON')
  addMachineOptions(command)
    .addHelpText('after', '\nExits with 1 when the answer is no for a role asked about.')
    .action(async (flags: Flags) => {
      const { machine, source } = await machineFrom(flags)
      const assessments = (flags.role ? [flags.role] : roles).map((role) => assess(machine, role))
      const report: AssessmentReport = { source, assessments }
      if (flags.json) printJson(report)
      else printAssessments(machine, report)
      if (assessments.some(({ verdict }) => verdict.answer === 'no'))
        process.exitCode = exitCodes.no
    })
}
