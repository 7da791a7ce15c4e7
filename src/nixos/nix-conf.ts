import { builderFeatures, builderKeyFile } from './build-machine.ts'
import { comment, type Reason, reasonComment } from './comment.ts'
import { isKnownToNix } from './nix-version.ts'
import { chainText, nearSubstituters } from './tiers.ts'
import type { AdvisedSetting, WantedConfig } from './wanted-config.ts'

interface Line {
  readonly text: string
  readonly because: Reason | string
}

/** Writes nix.conf for this machine's own Nix, where it is not NixOS that writes it. */
export function serverNixConf(config: WantedConfig): string {
  const own = 'Through the narwhal of this machine, which keeps what it fetches for everybody.'
  return file(config, [
    substituters(['http://localhost:5000'], own),
    ...keys(config),
    ...config.nix.map((setting) => settingLine(setting, config)),
    ...builders(config),
  ])
}

/** Writes nix.conf for a client. */
export function clientNixConf(config: WantedConfig): string {
  return file(config, [
    substituters(config.serverAddresses, `Nearest first: ${chainText(config)}.`),
    ...keys(config),
    ...config.clientNix.map((setting) => settingLine(setting, config)),
    ...builders(config),
  ])
}

function file(config: WantedConfig, lines: readonly Line[]): string {
  const header = [
    `nix.conf for a machine with ${config.machine}.`,
    `Made by: ${config.command}`,
    'Goes to the end of /etc/nix/nix.conf, then: systemctl restart nix-daemon. On NixOS take the module',
    'instead: it writes this file.',
    ...(config.warning === undefined ? [] : ['', config.warning]),
  ].join('\n')
  const body = lines.map(({ text, because }) => `${reasonComment(because)}\n${text}\n`)
  return `${comment(header)}\n\n${body.join('\n')}`
}

function substituters(addresses: readonly string[], because: string): Line {
  return { text: `extra-substituters = ${nearSubstituters(addresses).join(' ')}`, because }
}

function keys({ publicKeys }: WantedConfig): Line[] {
  if (publicKeys.length === 0) return []
  const because = 'Believed besides the key of cache.nixos.org.'
  return [{ text: `extra-trusted-public-keys = ${publicKeys.join(' ')}`, because }]
}

/** A setting this Nix does not know yet would make it complain at every command. */
function settingLine(setting: AdvisedSetting, { nixVersion }: WantedConfig): Line {
  const { key, value, because, minimumNix } = setting
  const text = `${key} = ${value}`
  if (isKnownToNix(setting, nixVersion, false)) return { text, because }
  const own = nixVersion === undefined ? 'the version here is not known' : `here is ${nixVersion}`
  const needs = `Needs Nix ${minimumNix}; ${own}.`
  return { text: `#${text}`, because: { ...because, text: `${needs} ${because.text}` } }
}

function builders({ buildMachine, platform }: WantedConfig): Line[] {
  if (buildMachine === undefined) return []
  const { host, user, maxJobs = 1 } = buildMachine
  const fields = [`ssh-ng://${user}@${host}`, platform ?? '-', builderKeyFile, maxJobs, 1]
  return [
    {
      text: `builders = ${[...fields, builderFeatures.join(',')].join(' ')}`,
      because: `Builds go to ${host}. Make the key with: ssh-keygen -t ed25519 -N '' -f ${builderKeyFile}`,
    },
    {
      text: 'builders-use-substitutes = true',
      because: `${host} fetches what it can by itself; else all inputs go through this machine's link.`,
    },
  ]
}
