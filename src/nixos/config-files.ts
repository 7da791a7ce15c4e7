import { clientModule } from './client-module.ts'
import { narwhalToml } from './narwhal-toml.ts'
import { clientNixConf, serverNixConf } from './nix-conf.ts'
import { serverModule } from './server-module.ts'
import type { WantedConfig } from './wanted-config.ts'

/** A file to be written as it is. */
export interface ConfigFile {
  readonly name: ConfigFileName
  readonly text: string
}

export const configFileNames = [
  'narwhal-server.nix',
  'narwhal-client.nix',
  'narwhal.toml',
  'nix.conf',
] as const
export type ConfigFileName = (typeof configFileNames)[number]

/** Everything for the machine that runs narwhal, and the module for its clients. */
export function serverFiles(config: WantedConfig): readonly ConfigFile[] {
  return [
    { name: 'narwhal-server.nix', text: serverModule(config) },
    { name: 'narwhal-client.nix', text: clientModule(config, false) },
    { name: 'narwhal.toml', text: narwhalToml(config) },
    { name: 'nix.conf', text: serverNixConf(config) },
  ]
}

/** Everything for a machine that only substitutes. */
export function clientFiles(config: WantedConfig): readonly ConfigFile[] {
  return [
    { name: 'narwhal-client.nix', text: clientModule(config, true) },
    { name: 'nix.conf', text: clientNixConf(config) },
  ]
}
