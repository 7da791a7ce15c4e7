import { type Command, Option } from 'commander'
import type { Machine } from '../advice/machine.ts'
import { type Role, roles } from '../advice/roles.ts'
import { AppError } from '../errors.ts'
import {
  type ConfigFile,
  type ConfigFileName,
  clientFiles,
  configFileNames,
  serverFiles,
} from '../nixos/config-files.ts'
import type { WantedConfig } from '../nixos/wanted-config.ts'
import { type Judgement, judgeForConfig } from './generate-config/judge-role.ts'
import { readFlags, type TypedFlags } from './generate-config/read-flags.ts'
import { placeholderAddress, wantedConfig } from './generate-config/wanted-config.ts'
import { writeFiles } from './generate-config/write-files.ts'
import { exitCodes, paint, print, printJson, tell } from './output.ts'
import { addMachineOptions, type MachineOptions, machineFrom } from './sidecar/machine-options.ts'

interface Flags extends TypedFlags, MachineOptions {
  readonly auto?: boolean
  readonly role: Role
  readonly tune?: boolean
  readonly out?: string
  readonly format: ConfigFileName | 'all'
  readonly force?: boolean
  readonly json?: boolean
}

/** What `generate-config --json` prints. */
export interface GeneratedConfig {
  /** where the machine is known from: "this machine", "given by hand", a file */
  readonly source: string
  readonly role: Role
  /** "no": the machine is too small for the role; the files make the best of it */
  readonly judgement: Judgement
  /** what to know before using the files, one sentence each */
  readonly notes: readonly string[]
  readonly files: readonly ConfigFile[]
}

/** Adds `narwhal generate-config`: files for NixOS, nix.conf and narwhal that fit a machine. */
export function addGenerateConfig(program: Command): void {
  const command = program
    .command('generate-config')
    .description('write configuration that fits a machine: NixOS modules, narwhal.toml, nix.conf')
    .option('--auto', 'for this machine (default)')
  addMachineOptions(command)
    .addOption(
      new Option('--role <ROLE>', 'what the machine is for').choices(roles).default('proxy'),
    )
    .option('--client', 'for a machine that only substitutes; needs --server-address')
    .option('--server-address <URL>', 'narwhal, as clients reach it; nearest first', collect)
    .option('--upstream <URL>', 'cache between this one and cache.nixos.org', collect)
    .option('--public-key <NAME:KEY>', 'key to believe besides the one of cache.nixos.org', collect)
    .option('--signing-key-file <FILE>', 'secret key of this cache, outside the store')
    .option('--distributed <[USER@]HOST>', 'another machine that builds for this one')
    .option('--distributed-jobs <N>', 'what it builds at once')
    .option('--tune', 'add BBR and large buffers: for far paths, not for a cable')
    .option('-o, --out <DIR>', 'write files there (default: to stdout)')
    .addOption(
      new Option('--format <FILE>', 'one file only')
        .choices(['all', ...configFileNames])
        .default('all'),
    )
    .option('--force', 'overwrite files')
    .option('--json', 'write the files as JSON')
    .addHelpText(
      'after',
      `
Repeatable: --server-address, --upstream, --public-key.
Each value stands there with its reason; what configuration.nix says beats it.

Exit code 0: done; 1: done, but the machine is too small for the role: see stderr;
2: wrong usage; 3: a file is there already, or cannot be written.`,
    )
  command.action((flags: Flags) => generateConfig(flags))
}

async function generateConfig(flags: Flags): Promise<void> {
  const { role, client: isClient = false, tune: isTuned = false } = flags
  const read = readFlags(flags)
  const { machine, source } = await machineFrom(machineOptions(flags))
  const judgement = isClient
    ? isFine
    : judgeForConfig(machine, { role, buildsElsewhere: read.buildMachine !== undefined })
  const config = wantedConfig(machine, {
    ...read,
    role,
    isClient,
    isTuned,
    command: commandLine(process.argv.slice(2)),
    warning: warningOf(judgement, role),
  })
  const files = chosen(isClient ? clientFiles(config) : serverFiles(config), flags.format)
  if (judgement.answer === 'no') process.exitCode = exitCodes.no
  const result = { source, role, judgement, notes: notesOf(config), files }
  await hand(result, { flags, machine })
}

const isFine: Judgement = { answer: 'yes', reasons: [], instead: [] }

/** Stands at the top of files for a machine that is too small for the role. */
function warningOf({ answer, reasons, instead }: Judgement, role: Role): string | undefined {
  if (answer !== 'no') return undefined
  const lines = [`This machine is too small for the role "${role}": ${reasons.join(' ')}`]
  return [...lines, ...instead.map((text) => `Instead: ${text}`)].join('\n')
}

function notesOf({ serverAddresses }: WantedConfig): string[] {
  if (!serverAddresses.includes(placeholderAddress)) return []
  const what = `${placeholderAddress} stands where the address of this server is not known`
  return [`${what}; give --server-address`]
}

/** --auto says what is done anyway; with facts given by hand it contradicts them. */
function machineOptions({ auto, ram, cores, threads, disk, link, machine }: Flags): MachineOptions {
  const given = { ram, cores, threads, disk, link, machine }
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  if (auto && Object.keys(known).length > 0)
    throw new AppError(
      'BAD_USAGE',
      `--auto is for this machine: it goes with no --${Object.keys(known)[0]}`,
    )
  return known
}

function chosen(files: readonly ConfigFile[], format: Flags['format']): readonly ConfigFile[] {
  if (format === 'all') return files
  const found = files.filter(({ name }) => name === format)
  if (found.length > 0) return found
  throw new AppError('BAD_USAGE', `--format ${format}: a client has no such file`)
}

async function hand(
  result: GeneratedConfig,
  { flags, machine }: { flags: Flags; machine: Machine },
): Promise<void> {
  const { files } = result
  const paths =
    flags.out === undefined ? [] : await writeFiles(flags.out, files, flags.force === true)
  if (flags.json) printJson(result)
  else if (flags.out !== undefined) for (const path of paths) print(path)
  else print(asOneText(files))
  explain(result)
  if (!flags.json) for (const step of nextSteps(machine, flags)) tell(step)
}

function explain({ judgement, notes, role }: GeneratedConfig): void {
  const say = (word: string, colour: 'red' | 'yellow' | 'green', text: string) =>
    tell(`${paint(colour, `${word}:`, process.stderr)} ${text}`)
  const { answer, reasons, instead } = judgement
  for (const reason of reasons)
    if (answer === 'no') say('no', 'red', `too small for the role "${role}": ${reason}`)
    else say('yes, if', 'yellow', reason)
  for (const text of instead) say('instead', 'green', text)
  for (const note of notes) say('note', 'yellow', note)
}

/** Several files in one stream stand under their names; one alone stands as it is. */
function asOneText(files: readonly ConfigFile[]): string {
  const [first] = files
  if (files.length === 1 && first) return first.text.trimEnd()
  return files
    .map(({ name, text }) => `# ======== ${name} ========\n${text}`)
    .join('\n')
    .trimEnd()
}

function nextSteps({ system }: Machine, { out, client, format }: Flags): string[] {
  if (out === undefined) return format === 'all' ? ['Write them to files with -o DIR.'] : []
  const name = client ? 'narwhal-client.nix' : 'narwhal-server.nix'
  return system.isNixos
    ? [`Import ${name} as its first lines say, then: sudo nixos-rebuild switch`]
    : [`On NixOS import ${name}; elsewhere take the other files.`]
}

/** The command as it may be typed again. */
function commandLine(words: readonly string[]): string {
  const quoted = words.map((word) =>
    /^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  )
  return ['narwhal', ...quoted].join(' ').replaceAll(/[\r\n]/g, ' ')
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
