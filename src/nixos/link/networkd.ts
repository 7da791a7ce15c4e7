import { describeLink, type LinkText } from './describe-link.ts'
import type { LinkConfiguration, LinkFile } from './link-files.ts'

/** A file of systemd-networkd, systemd.network(5). */
export function networkdFile(link: LinkConfiguration): LinkFile {
  const text: LinkText = [
    ...describeLink(link).map((line) => `# ${line}`),
    '',
    '[Match]',
    `Name=${link.interface}`,
    '',
    '[Link]',
    '# Booting does not wait for this cable.',
    'RequiredForOnline=no',
    ...(link.mtuBytes === undefined ? [] : [`MTUBytes=${link.mtuBytes}`]),
    '',
    '[Network]',
    `Address=${link.address}`,
    '# Two machines and a cable: no gateway, no DNS, nobody to ask for an address.',
    'DHCP=no',
    'IPv6AcceptRA=no',
    'LLMNR=no',
    'MulticastDNS=no',
    '# The address is there before the cable is, so that narwhal can listen on it at boot.',
    'ConfigureWithoutCarrier=yes',
    '',
  ]
  return {
    path: '/etc/systemd/network/10-narwhal-link.network',
    mode: 0o644,
    text: text.join('\n'),
  }
}
