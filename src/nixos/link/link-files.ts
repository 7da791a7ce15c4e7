import { networkManagerFiles } from './network-manager.ts'
import { networkdFile } from './networkd.ts'
import { nixosLinkFile } from './nixos-link.ts'
import { tuningFile } from './tuning.ts'

/** One end of a direct link, as plain data. */
export interface LinkConfiguration {
  readonly end: 'server' | 'client'
  readonly interface: string
  /** with prefix length: 10.255.255.1/30 */
  readonly address: string
  readonly serverAddress: string
  /** where narwhal listens */
  readonly narwhalPort: number
  /** where `narwhal direct-network --validate --listen` listens */
  readonly validatePort: number
  readonly mtuBytes: number | undefined
  /** set with --tune: what buffers for far caches are reckoned from */
  readonly tuning:
    | { readonly bitsPerSecond: number | undefined; readonly memoryBytes: number }
    | undefined
}

/** A text and where it belongs on the machine. */
export interface LinkFile {
  /** absolute; for a NixOS module the directory of configuration.nix is meant */
  readonly path: string
  /** permissions: secrets and what NetworkManager reads are for root alone */
  readonly mode: number
  readonly text: string
}

/** The files that make one end of a direct link. */
export function linkFiles(
  link: LinkConfiguration,
  format: 'networkd' | 'networkmanager' | 'nixos',
): LinkFile[] {
  if (format === 'nixos') return [nixosLinkFile(link)]
  const files = format === 'networkd' ? [networkdFile(link)] : networkManagerFiles(link)
  return link.tuning ? [...files, tuningFile(link.tuning)] : files
}
