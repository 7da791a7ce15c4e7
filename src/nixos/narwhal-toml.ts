import { comment, reasonComment } from './comment.ts'
import { dataDirOn } from './data-dir.ts'
import { nixosCache, tiersOf } from './tiers.ts'
import { narwhalTrustedKeys } from './trusted-keys.ts'
import type { AdvisedSetting, StoreFilesystem, WantedConfig } from './wanted-config.ts'

/** Writes narwhal.toml: the same settings as the module, for a machine without NixOS. */
export function narwhalToml(config: WantedConfig): string {
  const { narwhal } = config
  const header = [
    `narwhal.toml for a machine with ${config.machine}.`,
    `Made by: ${config.command}`,
    'What does not stand here has its default; config/narwhal.toml explains every option.',
    'Check it with: narwhal check-config --config narwhal.toml',
    ...(config.warning === undefined ? [] : ['', config.warning]),
  ].join('\n')
  const tables = Map.groupBy(narwhal, ({ key }) => tableOf(key))
  const plain = tables.get('') ?? []
  const others = [...tables].filter(([table]) => table !== '')
  return `${[
    comment(header),
    ...dataDir(config.storeFilesystem),
    ...plain.map(assignment),
    ...trustedKeys(config.publicKeys),
    ...others.map(([table, settings]) => `[${table}]\n${settings.map(assignment).join('\n\n')}`),
    ...signing(config),
    upstreams(config),
  ].join('\n\n')}\n`
}

function tableOf(key: string): string {
  return key.split('.').slice(0, -1).join('.')
}

function assignment({ key, value, because }: AdvisedSetting): string {
  return `${reasonComment(because)}\n${key.split('.').at(-1)} = ${literal(value)}`
}

function dataDir(filesystem: StoreFilesystem): string[] {
  const value = dataDirOn(filesystem)
  if (value === undefined) return []
  const why = `On the filesystem whose free space is counted below, mounted at ${filesystem.mountPoint}. A --data-dir on the command line beats it, such as that of config/systemd/narwhal.service.`
  return [`${comment(why)}\ndata_dir = ${literal(value)}`]
}

function trustedKeys(publicKeys: readonly string[]): string[] {
  if (publicKeys.length === 0) return []
  const why = 'What these keys have signed is passed on, whichever upstream it comes from.'
  const items = narwhalTrustedKeys(publicKeys).map((key) => `  ${literal(key)},\n`)
  return [`${comment(why)}\ntrusted_public_keys = [\n${items.join('')}]`]
}

function signing({ signingKeyFile }: WantedConfig): string[] {
  if (signingKeyFile === undefined) return []
  const why =
    'Signs what is pushed here without a signature. Mode 0600, readable for narwhal alone.'
  return [`[signing]\n${comment(why)}\nkey_file = ${literal(signingKeyFile)}`]
}

function upstreams(config: WantedConfig): string {
  const tiers = tiersOf(config.upstreams)
  const way = [...config.upstreams.filter((url) => url !== nixosCache), nixosCache].join(' → ')
  const why = `Asked all at once; of two that have a path the lower priority is taken: ${way}.`
  const tables = tiers.map(
    ({ url, priority }) => `[[upstream]]\nurl = ${literal(url)}\npriority = ${priority}`,
  )
  return `${comment(why)}\n${tables.join('\n\n')}`
}

/** TOML writes strings, numbers and booleans as JSON does, but for DEL, which it wants escaped. */
function literal(value: string | number | boolean): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f')
}
