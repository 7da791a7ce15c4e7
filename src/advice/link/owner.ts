/** Programs that configure network interfaces. */
export const networkManagers = [
  'NetworkManager',
  'dhcpcd',
  'systemd-networkd',
  'ifupdown',
  'bridge',
] as const
export type OwnerName = (typeof networkManagers)[number]

/** Who configures an interface now. */
export interface Owner {
  readonly name: OwnerName
  /** the profile, file or bridge it does so with, where that is known */
  readonly with: string | undefined
}

export const linkFormats = ['networkd', 'networkmanager', 'nixos'] as const
export type LinkFormat = (typeof linkFormats)[number]

/** How this machine is best told: NixOS by a module, others by who configures the interface already. */
export function chooseFormat(isNixos: boolean, owners: readonly Owner[]): LinkFormat {
  if (isNixos) return 'nixos'
  return owners.some(({ name }) => name === 'NetworkManager') ? 'networkmanager' : 'networkd'
}

/** Where networkd reads the link's file, among others sorted by name. */
export const networkdFileName = '10-narwhal-link.network'

/**
 * What takes an interface away from whom it has now, as steps for people.
 *
 * A NixOS module does it by itself, except for a bridge and for another file of networkd.
 */
export function handOver(name: string, format: LinkFormat, owners: readonly Owner[]): string[] {
  return owners.flatMap((owner) => stepsFrom(name, format, owner))
}

function stepsFrom(name: string, format: LinkFormat, owner: Owner): string[] {
  switch (owner.name) {
    case 'NetworkManager':
      return format === 'networkd' ? [releaseFromNetworkManager(name)] : []
    case 'dhcpcd':
      return format === 'nixos' ? [] : [releaseFromDhcpcd(name)]
    case 'systemd-networkd':
      return networkdSteps(name, format, owner.with)
    case 'ifupdown':
      return format === 'nixos' ? [] : [releaseFromIfupdown(name, owner.with)]
    case 'bridge':
      return [
        `${name} is part of ${owner.with ?? 'a bridge'}: take it out first (ip link set ${name} nomaster), and out of that bridge's configuration.`,
      ]
  }
}

function releaseFromNetworkManager(name: string): string {
  return `NetworkManager manages ${name} now. Either take --format networkmanager, or write "[keyfile]" and "unmanaged-devices=interface-name:${name}" to /etc/NetworkManager/conf.d/10-narwhal-link.conf, then: nmcli general reload`
}

function releaseFromDhcpcd(name: string): string {
  return `dhcpcd asks for an address on ${name} now: add "denyinterfaces ${name}" to /etc/dhcpcd.conf, then: systemctl restart dhcpcd`
}

function releaseFromIfupdown(name: string, file: string | undefined): string {
  return `${file ?? '/etc/network/interfaces'} configures ${name} now: ifdown ${name}, then delete its lines there.`
}

function networkdSteps(name: string, format: LinkFormat, file: string | undefined): string[] {
  const base = file?.split('/').at(-1)
  if (base === undefined || base === networkdFileName) return []
  if (format === 'networkmanager')
    return [
      `systemd-networkd manages ${name} with ${file}: take --format networkd, or delete that file; two programs on one interface undo each other.`,
    ]
  if (base < networkdFileName)
    return [`${file} matches ${name} and is read before ${networkdFileName}: narrow its [Match].`]
  return []
}
