import { callTag, linesTag, type NixValue, referenceTag } from './nix-value.ts'
import { attributePath } from './quote.ts'

/** What NixOS takes for an option: the name of the type in its manual, and a test of it. */
interface OptionType {
  readonly name: string
  readonly accepts: (value: NixValue) => boolean
}

const bool: OptionType = { name: 'boolean', accepts: (value) => typeof value === 'boolean' }
const int: OptionType = { name: 'whole number', accepts: (value) => Number.isSafeInteger(value) }
const size: OptionType = {
  name: 'size of systemd, such as "384M"',
  accepts: (value) =>
    typeof value === 'string' && /^(\d+(\.\d+)?[KMGT]?|\d+%|infinity)$/.test(value),
}
const line: OptionType = {
  name: 'string of one line',
  accepts: (value) => typeof value === 'string' && !value.includes('\n'),
}
const lines: OptionType = {
  name: 'text',
  accepts: (value) => typeof value === 'string' || (isObject(value) && linesTag in value),
}
const strings: OptionType = {
  name: 'list of strings',
  accepts: (value) => Array.isArray(value) && value.every(isText),
}
const ports: OptionType = {
  name: 'list of ports',
  accepts: (value) => Array.isArray(value) && value.every(isPort),
}
const sysctl: OptionType = {
  name: 'boolean, string or whole number',
  accepts: (value) => bool.accepts(value) || line.accepts(value) || int.accepts(value),
}

function oneOf(...values: readonly string[]): OptionType {
  const name = `one of ${values.join(', ')}`
  return { name, accepts: (value) => typeof value === 'string' && values.includes(value) }
}

function intOr(word: string): OptionType {
  return { name: `whole number or "${word}"`, accepts: (v) => v === word || int.accepts(v) }
}

const network: OptionType = {
  name: 'network of systemd.network(5)',
  accepts: (value) =>
    isObject(value) &&
    Object.keys(value).every((key) => /^(matchConfig|linkConfig|networkConfig|address)$/.test(key)),
}

const buildMachines: OptionType = {
  name: 'list of build machines',
  accepts: (value) => Array.isArray(value) && value.every(isBuildMachine),
}

const buildMachineFields: Readonly<Record<string, OptionType>> = {
  hostName: line,
  protocol: oneOf('ssh', 'ssh-ng'),
  systems: strings,
  sshUser: line,
  sshKey: line,
  maxJobs: int,
  speedFactor: int,
  supportedFeatures: strings,
  publicHostKey: line,
}

/** The settings of narwhal.toml: readConfig judges them, so that they are not listed twice. */
const tomlValue: OptionType = { name: 'value of TOML', accepts: (value) => value !== null }

/**
 * Every option that generated configuration may set, with its type, as NixOS 25.11 has it.
 *
 * `<name>` stands for any name. https://search.nixos.org/options
 */
export const nixosOptions: Readonly<Record<string, OptionType>> = {
  'services.narwhal.enable': bool,
  'services.narwhal.signingKeyFile': line,
  'services.narwhal.tokensFile': line,
  'services.narwhal.environmentFile': line,
  'services.narwhal.dataDir': line,
  'services.narwhal.openFirewall': bool,
  'services.narwhal.interface': line,
  'services.narwhal.memoryMax': size,
  'services.narwhal.settings.<name>': tomlValue,
  'services.narwhal.settings.<name>.<name>': tomlValue,

  'nix.settings.max-jobs': intOr('auto'),
  'nix.settings.cores': int,
  'nix.settings.http-connections': int,
  'nix.settings.max-substitution-jobs': int,
  'nix.settings.connect-timeout': int,
  'nix.settings.stalled-download-timeout': int,
  'nix.settings.narinfo-cache-negative-ttl': int,
  'nix.settings.narinfo-cache-positive-ttl': int,
  'nix.settings.fallback': bool,
  'nix.settings.min-free': int,
  'nix.settings.max-free': int,
  'nix.settings.keep-outputs': bool,
  'nix.settings.keep-derivations': bool,
  'nix.settings.auto-optimise-store': bool,
  'nix.settings.builders-use-substitutes': bool,
  'nix.settings.substituters': strings,
  'nix.settings.trusted-public-keys': strings,
  'nix.settings.trusted-users': strings,
  'nix.settings.secret-key-files': strings,
  'nix.settings.download-buffer-size': int,
  'nix.settings.log-lines': int,
  'nix.settings.http2': bool,
  'nix.settings.fsync-metadata': bool,
  'nix.settings.timeout': int,
  'nix.settings.max-silent-time': int,
  'nix.settings.system-features': strings,
  'nix.gc.automatic': bool,
  'nix.gc.dates': line,
  'nix.gc.randomizedDelaySec': line,
  'nix.gc.persistent': bool,
  'nix.gc.options': line,
  'nix.optimise.automatic': bool,
  'nix.optimise.dates': strings,
  'nix.daemonCPUSchedPolicy': oneOf('other', 'batch', 'idle'),
  'nix.daemonIOSchedClass': oneOf('best-effort', 'idle'),
  'nix.daemonIOSchedPriority': int,
  'nix.distributedBuilds': bool,
  'nix.buildMachines': buildMachines,

  'zramSwap.enable': bool,
  'zramSwap.algorithm': line,
  'zramSwap.memoryPercent': int,
  'zramSwap.priority': int,
  'boot.kernel.sysctl.<name>': sysctl,
  'boot.kernelModules': strings,
  'boot.tmp.useTmpfs': bool,
  'boot.tmp.cleanOnBoot': bool,
  'fileSystems.<name>.options': strings,
  'hardware.block.defaultScheduler': line,
  'hardware.block.defaultSchedulerRotational': line,
  'hardware.block.scheduler.<name>': line,
  'services.fstrim.enable': bool,
  'services.fstrim.interval': line,
  'services.journald.extraConfig': lines,
  'documentation.enable': bool,
  'networking.firewall.interfaces.<name>.allowedTCPPorts': ports,
  'networking.dhcpcd.denyInterfaces': strings,
  'networking.networkmanager.unmanaged': strings,
  'systemd.network.enable': bool,
  'systemd.network.wait-online.enable': bool,
  'systemd.network.networks.<name>': network,

  'systemd.oomd.enable': bool,
  'systemd.services.<name>.description': line,
  'systemd.services.<name>.path': strings,
  'systemd.services.<name>.script': lines,
  'systemd.services.<name>.environment.<name>': line,
  'systemd.services.<name>.serviceConfig.MemoryHigh': size,
  'systemd.services.<name>.serviceConfig.MemoryMax': size,
  'systemd.services.<name>.serviceConfig.MemorySwapMax': size,
  'systemd.services.<name>.serviceConfig.OOMScoreAdjust': int,
  'systemd.services.<name>.serviceConfig.CPUWeight': int,
  'systemd.services.<name>.serviceConfig.IOWeight': int,
  'systemd.services.<name>.serviceConfig.Nice': int,
  'systemd.services.<name>.serviceConfig.Type': line,
}

/**
 * Holds an option against the list.
 *
 * @throws TypeError that names the option: what does not exist must never leave the generator
 */
export function checkOption(path: readonly string[], value: NixValue): void {
  const type = typeOf(path)
  if (type === undefined)
    throw new TypeError(
      `NixOS has no option ${attributePath(path)}, or src/nixos/options.ts lacks it`,
    )
  if (!definitionsOf(value).every((one) => isReference(one) || type.accepts(one)))
    throw new TypeError(`${attributePath(path)} takes a ${type.name}`)
}

function typeOf(path: readonly string[]): OptionType | undefined {
  const entry = Object.entries(nixosOptions).find(([pattern]) => {
    const parts = pattern.split('.')
    return parts.length === path.length && parts.every((part, at) => fits(part, path[at]))
  })
  return entry?.[1]
}

function fits(part: string, name: string | undefined): boolean {
  return part === '<name>' || part === name
}

/** What is defined in the end, out of lib's wrappers. */
function definitionsOf(value: NixValue): readonly NixValue[] {
  if (!isObject(value) || !(callTag in value)) return [value]
  const { [callTag]: wrapper, args } = value as { [callTag]: string; args: readonly NixValue[] }
  const last = args.at(-1) as NixValue
  if (wrapper === 'lib.mkMerge') return (last as readonly NixValue[]).flatMap(definitionsOf)
  return definitionsOf(last)
}

function isBuildMachine(value: NixValue): boolean {
  if (!isObject(value) || typeof (value as { hostName?: unknown }).hostName !== 'string')
    return false
  return Object.entries(value).every(
    ([name, field]) => buildMachineFields[name]?.accepts(field as NixValue) ?? false,
  )
}

function isText(value: NixValue): boolean {
  return typeof value === 'string' || isReference(value)
}

function isPort(value: NixValue): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536
}

function isReference(value: NixValue): boolean {
  return isObject(value) && referenceTag in value
}

function isObject(value: NixValue): value is Exclude<NixValue, string | number | boolean | null> {
  return typeof value === 'object' && value !== null
}
