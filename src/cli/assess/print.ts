import type { Assessment } from '../../advice/assess.ts'
import type { Machine } from '../../advice/machine.ts'
import { formatBitSpeed } from '../../advice/rates.ts'
import { roleTexts } from '../../advice/roles.ts'
import { diskNames, mainDisk, mainLink } from '../../advice/speeds.ts'
import { formatSize } from '../../units.ts'
import type { AssessmentReport } from '../assess.ts'
import { paint, print } from '../output.ts'
import {
  bottleneckLines,
  headingLines,
  pathLines,
  settingLines,
  statementLines,
  verdictLines,
  wrap,
} from '../sidecar/print-advice.ts'

/** Prints one assessment in full, or several in brief with what they share once. */
export function printAssessments(
  machine: Machine,
  { source, assessments }: AssessmentReport,
): void {
  print(lines(machine, { source, assessments }).join('\n'))
}

function lines(machine: Machine, { source, assessments }: AssessmentReport): string[] {
  const [only, ...others] = assessments
  const isOne = others.length === 0
  const widest = assessments.at(-1)
  return [
    ...machineLines(machine, source),
    ...assessments.flatMap((assessment) => [
      ...headingLines(`${assessment.role}: ${roleTexts[assessment.role]}`),
      ...verdictLines(assessment.verdict, { isBrief: !isOne }),
    ]),
    ...(isOne && only ? path(only) : []),
    ...(widest && only ? shared(widest, only) : []),
    ...(isOne && only ? settings(only, machine) : []),
    ...assessments.flatMap(({ role, upgrade }, at) => [
      ...(at === 0 ? headingLines('The upgrade that helps most') : []),
      ...statementLines(upgrade.because, { bullet: isOne ? '•' : `${role}:`, isBrief: !isOne }),
    ]),
    ...(isOne ? [] : ['', ...wrap('Each in full, with settings: narwhal assess --role ROLE')]),
  ]
}

/** The builder is concerned by every bottleneck; what is served is the same in every role. */
function shared({ bottlenecks }: Assessment, { limits, expectations }: Assessment): string[] {
  return [
    ...headingLines(
      bottlenecks.length === 0 ? 'Bottlenecks: none found' : 'Bottlenecks, worst first',
    ),
    ...bottlenecks.flatMap((bottleneck) => bottleneckLines(bottleneck, { isBrief: true })),
    ...headingLines('What bounds clients'),
    ...(limits.length === 0
      ? wrap('Not known: neither the disk nor the link tells how fast it is.', { indent: '  ' })
      : limits.flatMap((statement) => statementLines(statement))),
    ...headingLines('What to expect'),
    ...expectations.flatMap((statement) => statementLines(statement)),
  ]
}

function path({ path }: Assessment): string[] {
  return [...headingLines('Is this hardware sufficient?'), ...pathLines(path)]
}

function settings({ settings }: Assessment, { system }: Machine): string[] {
  const isOther = system.distribution !== undefined && !system.isNixos
  return [
    ...headingLines('narwhal.toml'),
    ...settingLines(settings.narwhal),
    ...headingLines('nix.conf of this machine'),
    ...settingLines(settings.nix),
    ...headingLines(
      isOther ? `The system, as NixOS options (this is ${system.distribution})` : 'NixOS',
    ),
    ...settingLines(settings.system),
    '',
    ...wrap('narwhal generate-config writes these as files.'),
  ]
}

/** Coloured after it is broken into lines: what is printed is cleaned of control characters. */
function machineLines(machine: Machine, source: string): string[] {
  const [first = '', ...rest] = wrap(`Machine (${source}): ${machineLine(machine)}`, {
    indent: '  ',
    first: '',
  })
  return [first.replace('Machine', (word) => paint('bold', word)), ...rest]
}

/** "4 threads, 3.7 GiB, hard disk 457 GiB (354 GiB free), 1 Gbit/s" */
function machineLine(machine: Machine): string {
  const disk = mainDisk(machine)
  const link = mainLink(machine)
  const parts = [
    machine.cpu.model,
    cores(machine),
    formatSize(machine.memory.totalBytes),
    disk && (disk.kind ? diskNames[disk.kind] : 'a disk of unknown kind'),
    disk?.totalBytes !== undefined && formatSize(disk.totalBytes),
    disk?.freeBytes !== undefined && `${formatSize(disk.freeBytes)} free`,
    link?.kind === 'wifi' && 'WiFi',
    link?.bitsPerSecond !== undefined && formatBitSpeed(link.bitsPerSecond),
  ]
  return parts.filter(Boolean).join(', ')
}

function cores({ cpu }: Machine): string {
  const threads = `${cpu.threads} ${cpu.threads === 1 ? 'thread' : 'threads'}`
  return cpu.threads === cpu.cores ? threads : `${cpu.cores} cores, ${threads}`
}
