import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import {
  assumedCores,
  describedMachine,
  type MachineDescription,
} from '../../advice/described-machine.ts'
import type { Machine } from '../../advice/machine.ts'
import { readMachineFile } from '../../advice/machine-file.ts'
import { AppError, messageOf } from '../../errors.ts'
import { readMachine } from '../../host/read-machine.ts'
import { type MachineFlags, readMachineFlags } from './machine-flags.ts'

/** The flags that `addMachineOptions` adds, as commander gives them. */
export interface MachineOptions extends MachineFlags {
  readonly machine?: string
}

/** A machine, and a few words for people about where it is known from. */
export interface FoundMachine {
  readonly machine: Machine
  readonly source: string
}

/** Adds the flags that name another machine than this one. */
export function addMachineOptions(command: Command): Command {
  return command
    .option('--ram <SIZE>', 'not this machine, but one with so much memory: 4G')
    .option('--cores <N>', 'its cores')
    .option('--threads <N>', 'its threads (default: one a core)')
    .option(
      '--disk <KIND[:SIZE][:free=SIZE][:fs=NAME]>',
      'its disk: hdd:500G (repeatable)',
      collect,
    )
    .option('--link <[KIND:]RATE>', 'its link: 1G, wifi:300M (repeatable)', collect)
    .option(
      '--machine <FILE>',
      'a machine in JSON, as "diagnose --json" prints it; the flags above change it',
    )
}

/**
 * The machine a command is about: given by flags, read from a file, or this one.
 *
 * @throws AppError BAD_MACHINE that names every mistake, one a line
 */
export async function machineFrom(options: MachineOptions): Promise<FoundMachine> {
  const mistakes: string[] = []
  const flags = readMachineFlags(options, (mistake) => mistakes.push(mistake))
  const isByHand = Object.keys(flags).length > 0 || mistakes.length > 0
  const file = options.machine
  if (file === undefined && !isByHand)
    return { machine: await readMachine(), source: 'this machine' }
  const base = file === undefined ? {} : await readDescription(file, mistakes)
  if (file === undefined && options.ram === undefined)
    mistakes.push('--ram: give the memory of that machine too, such as --ram 4G')
  if (mistakes.length > 0) throw new AppError('BAD_MACHINE', mistakes.join('\n'))
  const description = merged(base, flags)
  return {
    machine: describedMachine(description),
    source: sourceOf({ file, isByHand, isCoresKnown: description.cpu?.cores !== undefined }),
  }
}

async function readDescription(file: string, mistakes: string[]): Promise<MachineDescription> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    mistakes.push(`--machine ${file}: cannot read it: ${messageOf(error)}`)
    return {}
  }
  const reading = readMachineFile(text)
  if (reading.ok) return reading.description
  for (const { path, message } of reading.mistakes)
    mistakes.push([file, path, message].filter(Boolean).join(': '))
  return {}
}

function merged(base: MachineDescription, flags: MachineDescription): MachineDescription {
  return {
    ...base,
    ...flags,
    cpu: { ...base.cpu, ...flags.cpu },
    memory: { ...base.memory, ...flags.memory },
  }
}

function sourceOf({
  file,
  isByHand,
  isCoresKnown,
}: {
  file: string | undefined
  isByHand: boolean
  isCoresKnown: boolean
}): string {
  const where = file === undefined ? 'given by hand' : isByHand ? `${file}, changed by flags` : file
  return isCoresKnown ? where : `${where}; ${assumedCores} cores assumed`
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
