import { adviseLink } from '../../advice/link/advise-link.ts'
import type { Way } from '../../advice/link/link-facts.ts'
import { topologyTexts } from '../../advice/topology.ts'
import { exitCodes, print, printJson } from '../output.ts'
import { type MachineOptions, machineFrom } from '../sidecar/machine-options.ts'
import {
  headingLines,
  pathLines,
  statementLines,
  tableLines,
  verdictLines,
  wrap,
} from '../sidecar/print-advice.ts'

export interface AdviseFlags extends MachineOptions {
  readonly hosts: number
  readonly elsewhere?: boolean
  readonly json?: boolean
}

/** Answers "WiFi, switch or cable?". */
export async function advise(flags: AdviseFlags): Promise<void> {
  const { machine, source } = await machineFrom(flags)
  const advice = adviseLink({ machine, hosts: flags.hosts, isSameLocation: !flags.elsewhere })
  if (advice.verdict.answer === 'no') process.exitCode = exitCodes.no
  if (flags.json) return printJson({ machine: source, ...advice })
  const { ways, verdict, topology, statements } = advice
  const lines = [
    ...wrap(`WiFi, switch or cable? (${source})`),
    ...headingLines('The three ways'),
    ...tableLines(['', 'there and back', 'cost'], ways.map(rowOf)),
    ...ways.flatMap(({ name, bandwidth }) =>
      wrap(`${name}: ${bandwidth}`, { indent: '    ', first: '  • ' }),
    ),
    '',
    ...verdictLines(verdict),
    ...headingLines('Which topology?'),
    ...wrap(topologyTexts[topology.leaf], { indent: '    ', first: '  → ' }),
    ...pathLines(topology.path),
    ...headingLines('The arithmetic'),
    ...statements.flatMap((statement) => statementLines(statement)),
  ]
  print(lines.join('\n'))
}

function rowOf({ name, latencyMs, cost }: Way): string[] {
  return [name, `${latencyMs.join('–')} ms`, cost]
}
