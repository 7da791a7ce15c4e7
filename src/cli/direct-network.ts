import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseIpv4, parseNetwork } from '../advice/link/ipv4.ts'
import { linkFormats } from '../advice/link/owner.ts'
import { AppError } from '../errors.ts'
import { isStoreHash, type StoreHash } from '../nix/store-path.ts'
import type { AdviseFlags } from './direct-network/advise.ts'
import type { EndFlags } from './direct-network/configure-end.ts'
import type { ListenFlags } from './direct-network/listen.ts'
import type { ValidateFlags } from './direct-network/validate.ts'
import { addMachineOptions } from './sidecar/machine-options.ts'
import { serverAddress } from './status.ts'

interface Flags extends AdviseFlags, EndFlags, ListenFlags, ValidateFlags {
  readonly advise?: boolean
  readonly server?: boolean
  readonly client?: true | number
  readonly validate?: boolean
  readonly listen?: boolean
}

const modes = ['advise', 'server', 'client', 'validate'] as const

/** Adds `narwhal direct-network`: a cable between a server and its client. */
export function addDirectNetwork(program: Command): void {
  const command = program
    .command('direct-network')
    .description('a cable between server and client: advice, configuration, validation')
    .option('--advise', 'say whether a cable helps this machine, with the arithmetic')
    .option('--server', "configuration of the server's end")
    .option(
      '--client [N]',
      "configuration of the client's end; of the Nth with --hosts",
      clientNumber,
    )
    .option('--validate', 'measure a link that is up: latency, loss, throughput both ways')
    .option(
      '--interface <IF>',
      'where the cable is (default: the only one nobody uses)',
      interfaceName,
    )
    .addOption(
      new Option('--format <FORMAT>', 'who is told (default: what this machine uses)').choices(
        linkFormats,
      ),
    )
    .option('-o, --out <DIR>', 'write the files there instead of stdout')
    .option('--force', 'overwrite them')
    .option('--hosts <N>', 'machines to be joined, the server included', hostCount, 2)
    .option('--subnet <NET>', 'other addresses than 10.255.255.0/30, at both ends', subnet)
    .option('--mtu <BYTES>', 'jumbo frames: 9000, at both ends', mtu)
    .option('--tune', 'BBR and large buffers too; they gain nothing on a cable')
    .option('--elsewhere', '--advise: the machines are out of reach of a cable')
    .option('--listen', '--validate: be the other end, until Ctrl-C')
    .option('--address <IP>', '--validate: the other end; with --listen the own one', address)
    .option('--port <N>', "narwhal's port (5000); --validate: that of --listen (5202)", port)
    .option('--seconds <N>', '--validate: how long each direction is measured', seconds, 3)
    .option('--url <URL>', '--validate: measure with NARs of a running narwhal', serverAddress)
    .option('--path <PATH>', '--url: a store path to take from there (repeatable)', storePath)
    .option('--json', 'write the result as JSON')
    .addHelpText(
      'after',
      `
Changes nothing on this machine: what it prints is yours to put in place. One of --advise, --server,
--client and --validate is needed.

Exit code 0: done, the link is good; 1: no, with what will work instead; 3: nobody answers.`,
    )
  addMachineOptions(command).action(directNetwork)
}

async function directNetwork(flags: Flags): Promise<void> {
  const chosen = modes.filter((mode) => flags[mode] !== undefined)
  if (chosen.length !== 1)
    throw new AppError('BAD_USAGE', 'give one of --advise, --server, --client, --validate')
  if (flags.listen && !flags.validate)
    throw new AppError('BAD_USAGE', '--listen goes with --validate')
  switch (chosen[0]) {
    case 'advise':
      return (await import('./direct-network/advise.ts')).advise(flags)
    case 'validate':
      return flags.listen
        ? (await import('./direct-network/listen.ts')).listen(flags)
        : (await import('./direct-network/validate.ts')).validate(flags)
    default: {
      const { configureEnd } = await import('./direct-network/configure-end.ts')
      const clientNumber = typeof flags.client === 'number' ? flags.client : 1
      if (clientNumber >= flags.hosts)
        throw new AppError(
          'BAD_USAGE',
          `--client ${clientNumber} needs --hosts ${clientNumber + 1} or more, the server counted`,
        )
      return configureEnd({ end: flags.server ? 'server' : 'client', clientNumber }, flags)
    }
  }
}

function interfaceName(text: string): string {
  // What the kernel lets an interface be called; it goes into files and commands.
  if (/^[A-Za-z0-9][\w.@-]{0,14}$/.test(text)) return text
  throw new InvalidArgumentError('Give the name of an interface, such as enp3s0.')
}

function clientNumber(text: string): number {
  return numberIn(text, { from: 1, to: 252 })
}

function hostCount(text: string): number {
  return numberIn(text, { from: 2, to: 253 })
}

function mtu(text: string): number {
  return numberIn(text, { from: 1280, to: 9216 })
}

function port(text: string): number {
  return numberIn(text, { from: 1, to: 65_535 })
}

function numberIn(text: string, { from, to }: { from: number; to: number }): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= from && number <= to) return number
  throw new InvalidArgumentError(`Give a whole number from ${from} to ${to}.`)
}

function seconds(text: string): number {
  const number = Number(text)
  if (number >= 0.2 && number <= 30) return number
  throw new InvalidArgumentError('Give a number from 0.2 to 30.')
}

function storePath(text: string, earlier: readonly StoreHash[] = []): readonly StoreHash[] {
  const hash = text.slice(text.lastIndexOf('/') + 1).slice(0, 32)
  if (isStoreHash(hash)) return [...earlier, hash]
  throw new InvalidArgumentError('Give a store path, or the 32 characters of its hash.')
}

function subnet(text: string): string {
  if (parseNetwork(text) !== undefined) return text
  throw new InvalidArgumentError('Give a network such as 172.31.255.0/30.')
}

function address(text: string): string {
  if (parseIpv4(text) !== undefined) return text
  throw new InvalidArgumentError('Give an IPv4 address such as 10.255.255.1.')
}
