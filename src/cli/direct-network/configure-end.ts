import { linkBenefit } from '../../advice/link/link-facts.ts'
import type { LinkFormat } from '../../advice/link/owner.ts'
import { type LinkEnd, type LinkPlan, planLink } from '../../advice/link/plan-link.ts'
import { otherEndCommand, type Step, stepsFor } from '../../advice/link/steps.ts'
import type { Machine } from '../../advice/machine.ts'
import { type LinkFile, linkFiles } from '../../nixos/link/link-files.ts'
import type { Paint } from '../display/text.ts'
import { exitCodes, paint, print, printJson, tell } from '../output.ts'
import type { MachineOptions } from '../sidecar/machine-options.ts'
import { statementLines, verdictLines, wrap } from '../sidecar/print-advice.ts'
import { defaultPorts } from './ports.ts'
import { readSurroundings } from './read-surroundings.ts'
import { writeLinkFiles } from './write-link-files.ts'

export interface EndFlags extends MachineOptions {
  readonly interface?: string
  readonly format?: LinkFormat
  readonly out?: string
  readonly force?: boolean
  readonly hosts: number
  readonly subnet?: string
  readonly mtu?: number
  readonly tune?: boolean
  readonly port?: number
  readonly json?: boolean
}

/** What explains goes to stderr: stdout is the files. */
const paintError: Paint = (style, text) => paint(style, text, process.stderr)

/** Prints or writes the files of one end of a link, and says what to do with them. */
export async function configureEnd(
  { end, clientNumber }: { readonly end: LinkEnd; readonly clientNumber: number },
  flags: EndFlags,
): Promise<void> {
  const { machine, surroundings } = await readSurroundings(flags)
  const decision = planLink(
    {
      ...{ end, clientNumber, hosts: flags.hosts, interface: flags.interface },
      ...{ subnet: flags.subnet, format: flags.format, mtuBytes: flags.mtu },
      tunes: flags.tune === true,
    },
    surroundings,
  )
  if (decision.kind === 'refusal') {
    process.exitCode = exitCodes.no
    if (flags.json) printJson({ refusal: decision.verdict })
    else tell(verdictLines(decision.verdict, { paint: paintError }).join('\n'))
    return
  }
  const { plan } = decision
  const ports = { ...defaultPorts, ...(flags.port !== undefined && { narwhal: flags.port }) }
  const files = linkFiles(
    {
      ...plan,
      narwhalPort: ports.narwhal,
      validatePort: ports.validate,
      tuning: plan.tunes ? tuningOf(machine) : undefined,
    },
    plan.format,
  )
  const steps = stepsFor(plan, ports)
  const written = flags.out === undefined ? undefined : writeLinkFiles(files, flags.out, flags)
  if (flags.json) {
    const benefit = linkBenefit
    printJson({ plan, files, written, benefit, steps, otherEnd: otherEndCommand(plan) })
    return
  }
  if (written === undefined) print(files.map(printed).join('\n'))
  else for (const path of written) print(path)
  explain(plan, steps)
}

function tuningOf({ links, memory }: Machine) {
  return { bitsPerSecond: links[0]?.bitsPerSecond, memoryBytes: memory.totalBytes }
}

/** A comment is a comment in every one of these formats, so a single file can go where it belongs. */
function printed({ path, mode, text }: LinkFile): string {
  return `# ${path}   (mode ${mode.toString(8).padStart(4, '0')})\n${text}`
}

function explain(plan: LinkPlan, steps: readonly Step[]): void {
  const { interface: name, isInterfaceNamed, end, address, cautions } = plan
  const why = isInterfaceNamed ? '' : ': the only interface nobody uses'
  const lines = [
    '',
    ...wrap(`The ${end}'s end is ${address} on ${name}${why}. Nothing has been changed.`),
    '',
    'What it gains:',
    ...linkBenefit.flatMap((benefit) => statementLines(benefit, { paint: paintError })),
    ...(cautions.length > 0 ? ['', paintError('yellow', 'First:')] : []),
    ...cautions.flatMap((caution) => wrap(caution, { indent: '    ', first: '  ! ' })),
    '',
    'What to do:',
    ...steps.flatMap(({ text, lines }) => [
      ...wrap(text, { indent: '    ', first: '  • ' }),
      ...lines.map((line) => `      ${line}`),
    ]),
  ]
  tell(lines.join('\n'))
}
