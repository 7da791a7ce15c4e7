import { comment, reasonComment } from '../comment.ts'
import type { Assignment } from '../module-text.ts'
import { mkBefore, mkDefault, type NixValue, reference } from '../nix-value.ts'
import { checkOption } from '../options.ts'
import { printValue } from '../print-value.ts'
import { attributePath } from '../quote.ts'
import { describeLink } from './describe-link.ts'
import type { LinkConfiguration, LinkFile } from './link-files.ts'
import { tuningAssignments } from './tuning.ts'

const indent = '  '

/**
 * A module of NixOS for one end of a link; to be named in `imports`.
 *
 * @throws TypeError for an option NixOS does not have
 */
export function nixosLinkFile(link: LinkConfiguration): LinkFile {
  const blocks = [
    networkAssignments(link),
    [waitAssignment],
    otherManagers(link.interface),
    link.end === 'server' ? [firewallAssignment(link)] : substituterAssignments(link),
    ...(link.tuning ? [tuningAssignments(link.tuning)] : []),
  ]
  const text = [
    comment(describeLink(link).join('\n')),
    comment('Name this file in imports = [ ./narwhal-link.nix ]; of configuration.nix.'),
    '{ config, lib, ... }:',
    '{',
    blocks.map((block) => block.map(printAssignment).join('\n')).join('\n\n'),
    '}',
    '',
  ]
  return { path: '/etc/nixos/narwhal-link.nix', mode: 0o644, text: text.join('\n') }
}

function printAssignment({ path, value, because }: Assignment): string {
  checkOption(path, value)
  const text = `${indent}${attributePath(path)} = ${printValue(value, indent)};`
  return because === undefined ? text : `${reasonComment(because, indent)}\n${text}`
}

function networkAssignments(link: LinkConfiguration): Assignment[] {
  const network: NixValue = {
    matchConfig: { Name: link.interface },
    address: [link.address],
    networkConfig: {
      DHCP: 'no',
      IPv6AcceptRA: false,
      LLMNR: false,
      MulticastDNS: false,
      ConfigureWithoutCarrier: true,
    },
    linkConfig: {
      RequiredForOnline: 'no',
      ...(link.mtuBytes !== undefined && { MTUBytes: String(link.mtuBytes) }),
    },
  }
  return [
    {
      path: ['systemd', 'network', 'enable'],
      value: true,
      because:
        'Two machines and a cable: no gateway, no DNS, nobody to ask for an address. Booting does not wait for it; the address is there before the cable is, so that narwhal can listen on it.',
    },
    { path: ['systemd', 'network', 'networks', '10-narwhal-link'], value: network },
  ]
}

const waitAssignment: Assignment = {
  path: ['systemd', 'network', 'wait-online', 'enable'],
  value: mkDefault(reference('config', 'networking', 'useNetworkd')),
  because:
    'Where something else configures the other interfaces, networkd has nothing to wait for: its wait for the network would last until it gives up, two minutes later.',
}

function otherManagers(name: string): Assignment[] {
  return [
    {
      path: ['networking', 'dhcpcd', 'denyInterfaces'],
      value: [name],
      because: 'Others leave it alone.',
    },
    {
      path: ['networking', 'networkmanager', 'unmanaged'],
      value: [`interface-name:${name}`],
    },
  ]
}

function firewallAssignment(link: LinkConfiguration): Assignment {
  const { interface: name, narwhalPort, validatePort } = link
  return {
    path: ['networking', 'firewall', 'interfaces', name, 'allowedTCPPorts'],
    value: [narwhalPort, validatePort],
    because: `On this interface only. ${narwhalPort} is narwhal, which listens on every address unless told otherwise; ${validatePort} is for "narwhal direct-network --validate --listen".`,
  }
}

function substituterAssignments(link: LinkConfiguration): Assignment[] {
  const { serverAddress, narwhalPort } = link
  return [
    {
      path: ['nix', 'settings', 'substituters'],
      value: mkBefore([`http://${serverAddress}:${narwhalPort}`]),
      because:
        'Asked first; cache.nixos.org stays behind it. With the cable out a connection is given up after three seconds; Nix 2.24 and later then goes on to the next cache where fallback = true is set.',
    },
    { path: ['nix', 'settings', 'connect-timeout'], value: mkDefault(3) },
  ]
}
