import type { LinkPlan } from './plan-link.ts'

export interface LinkPorts {
  readonly narwhal: number
  readonly validate: number
}

/** Something to do, and what to type for it: whole lines, to be copied. */
export interface Step {
  readonly text: string
  readonly lines: readonly string[]
}

/** What people do with the files, in order. */
export function stepsFor(plan: LinkPlan, ports: LinkPorts): Step[] {
  const { end, interface: name, serverAddress } = plan
  return [
    ...applySteps(plan),
    ...(end === 'server' ? serverSteps(plan, ports) : clientSteps(plan, ports)),
    step('See that the address is there, and that the default route is where it was:', [
      `ip address show ${name}`,
      'ip route',
    ]),
    step('Then the other end:', [otherEndCommand(plan)]),
    end === 'server'
      ? step('When both ends are up, measure: this one listens …', [
          `narwhal direct-network --validate --listen --address ${serverAddress}`,
        ])
      : step('When both ends are up and the server runs --validate --listen, measure:', [
          `narwhal direct-network --validate --address ${serverAddress}`,
        ]),
  ]
}

/** The same link at its other end. */
export function otherEndCommand({ end, subnet, isUsualSubnet, hosts, mtuBytes }: LinkPlan): string {
  return [
    'narwhal direct-network',
    end === 'server' ? '--client' : '--server',
    ...(isUsualSubnet ? [] : [`--subnet ${subnet}`]),
    ...(hosts > 2 ? [`--hosts ${hosts}`] : []),
    ...(mtuBytes === undefined ? [] : [`--mtu ${mtuBytes}`]),
  ].join(' ')
}

function step(text: string, lines: readonly string[]): Step {
  return { text, lines }
}

function applySteps({ format, interface: name, tunes }: LinkPlan): Step[] {
  const tuning = tunes
    ? [
        step('Put 90-narwhal-link.conf there too, and apply it:', [
          'install -m 644 90-narwhal-link.conf /etc/sysctl.d/',
          'modprobe tcp_bbr',
          'sysctl --system',
        ]),
      ]
    : []
  switch (format) {
    case 'nixos':
      return [
        step('Put narwhal-link.nix beside configuration.nix, and name it there:', [
          'imports = [ ./narwhal-link.nix ];',
        ]),
        step('Try it, a reboot undoes it; then keep it:', [
          'nixos-rebuild test',
          'nixos-rebuild switch',
        ]),
      ]
    case 'networkd':
      return [
        step('Put the file in its place and take it into use:', [
          'install -m 644 10-narwhal-link.network /etc/systemd/network/',
          'systemctl enable --now systemd-networkd',
          'networkctl reload',
        ]),
        step('Where networkd manages nothing else, booting must not wait for it:', [
          'systemctl disable systemd-networkd-wait-online',
        ]),
        ...tuning,
      ]
    case 'networkmanager':
      return [
        step('Put both files in their places and take them into use:', [
          'install -m 600 narwhal-link.nmconnection /etc/NetworkManager/system-connections/',
          'install -m 644 10-narwhal-link.conf /etc/NetworkManager/conf.d/',
          'nmcli general reload',
          'nmcli connection reload',
          `nmcli connection up narwhal-link ifname ${name}`,
        ]),
        ...tuning,
      ]
  }
}

function serverSteps(plan: LinkPlan, ports: LinkPorts): Step[] {
  const { format, interface: name, serverAddress } = plan
  const { narwhal, validate } = ports
  const firewall = step('Where a firewall runs, open two ports on this interface only; one of:', [
    `nft insert rule inet filter input iifname "${name}" tcp dport { ${narwhal}, ${validate} } accept`,
    `ufw allow in on ${name} to any port ${narwhal},${validate} proto tcp`,
  ])
  return [
    ...(format === 'nixos' ? [] : [firewall]),
    ...listenSteps(format, `${serverAddress}:${narwhal}`),
  ]
}

/** Its default is every address, so these are for who wants less. */
function listenSteps(format: LinkPlan['format'], listen: string): Step[] {
  const text = 'narwhal listens on every address by default. To serve the cable alone:'
  if (format === 'nixos')
    return [
      step(text, [
        `services.narwhal.settings.listen = [ "${listen}" ];`,
        'systemd.sockets.narwhal.socketConfig.FreeBind = true;',
      ]),
    ]
  const socket = ['[Socket]', 'ListenStream=', `ListenStream=${listen}`, 'FreeBind=true']
  return [
    step(text, [`listen = ["${listen}"]     # in narwhal.toml`]),
    step('or, where narwhal.socket holds its port, by systemctl edit narwhal.socket:', socket),
  ]
}

function clientSteps({ format, serverAddress }: LinkPlan, { narwhal }: LinkPorts): Step[] {
  const url = `http://${serverAddress}:${narwhal}`
  const configured = step('Name it first in /etc/nix/nix.conf:', [
    `substituters = ${url} https://cache.nixos.org`,
    'connect-timeout = 3',
  ])
  return [
    ...(format === 'nixos' ? [] : [configured]),
    step('See that it answers:', [`curl ${url}/nix-cache-info`]),
  ]
}
