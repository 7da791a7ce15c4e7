import { describeLink } from './describe-link.ts'
import type { LinkConfiguration, LinkFile } from './link-files.ts'

/**
 * A connection profile, nm-settings-keyfile(5), and what keeps the address while no cable is plugged
 * in, NetworkManager.conf(5).
 */
export function networkManagerFiles(link: LinkConfiguration): LinkFile[] {
  const head = describeLink(link).map((line) => `# ${line}`)
  const profile = [
    ...head,
    '',
    '[connection]',
    'id=narwhal-link',
    'type=ethernet',
    `interface-name=${link.interface}`,
    'autoconnect=true',
    '',
    '[ethernet]',
    ...(link.mtuBytes === undefined ? [] : [`mtu=${link.mtuBytes}`]),
    '',
    '[ipv4]',
    '# Two machines and a cable: no gateway, no DNS, nobody to ask for an address.',
    'method=manual',
    `address1=${link.address}`,
    'never-default=true',
    '',
    '[ipv6]',
    '# No router advertisements.',
    'method=link-local',
    'never-default=true',
    '',
  ]
  const carrier = [
    ...head,
    '',
    '# The address is there before the cable is, so that narwhal can listen on it at boot.',
    '[device-narwhal-link]',
    `match-device=interface-name:${link.interface}`,
    'ignore-carrier=yes',
    '',
  ]
  return [
    {
      path: '/etc/NetworkManager/system-connections/narwhal-link.nmconnection',
      // NetworkManager ignores profiles that others may read.
      mode: 0o600,
      text: profile.join('\n'),
    },
    {
      path: '/etc/NetworkManager/conf.d/10-narwhal-link.conf',
      mode: 0o644,
      text: carrier.join('\n'),
    },
  ]
}
