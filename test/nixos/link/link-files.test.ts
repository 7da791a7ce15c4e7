import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type LinkConfiguration,
  type LinkFile,
  linkFiles,
} from '../../../src/nixos/link/link-files.ts'
import { moduleText } from '../../../src/nixos/module-text.ts'
import { networkTuningSection } from '../../../src/nixos/network-tuning.ts'
import { runProgram } from '../../support/program-run.ts'
import { onPath, testWith } from '../../support/programs.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { evaluateSystems } from '../evaluate.ts'

const server: LinkConfiguration = {
  end: 'server',
  interface: 'enp3s0',
  address: '10.255.255.1/30',
  serverAddress: '10.255.255.1',
  narwhalPort: 5000,
  validatePort: 5202,
  mtuBytes: undefined,
  tuning: undefined,
}
const client: LinkConfiguration = { ...server, end: 'client', address: '10.255.255.2/30' }
const jumbo = { mtuBytes: 9000 }
const tuned = { tuning: { bitsPerSecond: 1e9, memoryBytes: 4 * 2 ** 30 } }
const env = { PATH: process.env.PATH ?? '' }

/** Every way to ask for a link's files. */
const variants = [server, client].flatMap((end) =>
  [{}, jumbo, tuned, { ...jumbo, ...tuned }].map((more) => ({ ...end, ...more })),
)

function only(files: readonly LinkFile[]): LinkFile {
  const [file] = files
  if (file === undefined || files.length > 1) throw new Error('one file is expected')
  return file
}

/** The settings of a file of sections, "Section.Key" each. */
function settings({ text }: LinkFile): Record<string, string> {
  let section = ''
  const found: Record<string, string> = {}
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const head = /^\[([\w-]+)\]$/.exec(line)?.[1]
    if (head !== undefined) section = head
    else {
      const [, key = '', value = ''] = /^([\w-]+)=(.+)$/.exec(line) ?? []
      expect(key, `"${line}" is neither section nor setting`).not.toBe('')
      expect(found).not.toHaveProperty([`${section}.${key}`])
      found[`${section}.${key}`] = value
    }
  }
  return found
}

describe('networkd', () => {
  const plain = {
    'Match.Name': 'enp3s0',
    'Link.RequiredForOnline': 'no',
    'Network.Address': '10.255.255.1/30',
    'Network.DHCP': 'no',
    'Network.IPv6AcceptRA': 'no',
    'Network.LLMNR': 'no',
    'Network.MulticastDNS': 'no',
    'Network.ConfigureWithoutCarrier': 'yes',
  }

  test('says what a cable between two machines needs, and no gateway, DNS or DHCP', () => {
    const file = only(linkFiles(server, 'networkd'))
    expect(file).toMatchObject({
      path: '/etc/systemd/network/10-narwhal-link.network',
      mode: 0o644,
    })
    expect(settings(file)).toEqual(plain)
    expect(settings(only(linkFiles({ ...server, ...jumbo }, 'networkd')))).toEqual({
      ...plain,
      'Link.MTUBytes': '9000',
    })
    expect(settings(only(linkFiles(client, 'networkd')))).toEqual({
      ...plain,
      'Network.Address': '10.255.255.2/30',
    })
  })
})

describe('NetworkManager', () => {
  const profile = {
    'connection.id': 'narwhal-link',
    'connection.type': 'ethernet',
    'connection.interface-name': 'enp3s0',
    'connection.autoconnect': 'true',
    'ethernet.mtu': '9000',
    'ipv4.method': 'manual',
    'ipv4.address1': '10.255.255.1/30',
    'ipv4.never-default': 'true',
    'ipv6.method': 'link-local',
    'ipv6.never-default': 'true',
  }

  test('gets a profile that only root reads, and keeps the address without a carrier', () => {
    const [keyfile, carrier] = linkFiles({ ...server, ...jumbo }, 'networkmanager') as [
      LinkFile,
      LinkFile,
    ]
    expect(keyfile).toMatchObject({
      path: '/etc/NetworkManager/system-connections/narwhal-link.nmconnection',
      mode: 0o600,
    })
    expect(settings(keyfile)).toEqual(profile)
    expect(settings(carrier)).toEqual({
      'device-narwhal-link.match-device': 'interface-name:enp3s0',
      'device-narwhal-link.ignore-carrier': 'yes',
    })
  })

  // Installing NetworkManager hands it the machine's network, so CI is not asked to.
  test.runIf(onPath('nmcli'))('reads the profile as it was meant', async () => {
    const dir = await tempDir('nm')
    for (const variant of variants) {
      const [keyfile] = linkFiles(variant, 'networkmanager')
      const path = join(dir, 'narwhal-link.nmconnection')
      await writeFile(path, keyfile?.text ?? '')
      const args = ['-c', `nmcli --offline connection modify connection.id again < ${path}`]
      const { code, stdout, stderr } = await runProgram('sh', args, {
        env: { ...process.env, LC_ALL: 'C' } as Record<string, string>,
      })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain('interface-name=enp3s0')
      expect(stdout).toContain(`address1=${variant.address}\n`)
      expect(stdout.match(/never-default=true/g)).toHaveLength(2)
      expect(stdout.includes('mtu=9000')).toBe(variant.mtuBytes === 9000)
    }
  })
})

describe('NixOS', () => {
  testWith(['nix-instantiate'])(
    'evaluates to what was meant, whoever runs the network',
    async () => {
      const modules = variants.map((variant) => only(linkFiles(variant, 'nixos')).text)
      const base = '({ ... }: { networking.useNetworkd = false; })'
      const systems = modules.map((text) => [base, `(${text})`])
      const networkd = '({ ... }: { networking.useNetworkd = true; })'
      const both = [networkd, `(${modules[0]})`]
      const evaluations = await evaluateSystems([...systems, both])
      for (const [at, variant] of variants.entries()) {
        const { config, mistakes } = evaluations[at] ?? { config: undefined, mistakes: ['none'] }
        expect(mistakes).toEqual([])
        expect(config.systemd.network).toEqual({
          enable: true,
          'wait-online': { enable: false },
          networks: {
            '10-narwhal-link': {
              matchConfig: { Name: 'enp3s0' },
              address: [variant.address],
              networkConfig: {
                DHCP: 'no',
                IPv6AcceptRA: false,
                LLMNR: false,
                MulticastDNS: false,
                ConfigureWithoutCarrier: true,
              },
              linkConfig: {
                RequiredForOnline: 'no',
                ...(variant.mtuBytes && { MTUBytes: '9000' }),
              },
            },
          },
        })
        expect(config.networking).toMatchObject({
          dhcpcd: { denyInterfaces: ['enp3s0'] },
          networkmanager: { unmanaged: ['interface-name:enp3s0'] },
        })
        const isServer = variant.end === 'server'
        expect(config.networking.firewall).toEqual(
          isServer ? { interfaces: { enp3s0: { allowedTCPPorts: [5000, 5202] } } } : undefined,
        )
        expect(config.nix?.settings).toEqual(
          isServer
            ? undefined
            : { substituters: ['http://10.255.255.1:5000'], 'connect-timeout': 3 },
        )
        const sysctl = config.boot?.kernel.sysctl
        expect(sysctl?.['net.ipv4.tcp_congestion_control']).toBe(variant.tuning ? 'bbr' : undefined)
      }
      // Where networkd runs everything, booting waits for the rest of the network as it did.
      expect(evaluations.at(-1)?.config.systemd.network['wait-online']).toEqual({ enable: true })
    },
  )

  testWith(['nix-instantiate'])('an interface of any name is quoted where it must be', async () => {
    const odd = { ...server, interface: 'eth0.100' }
    const text = only(linkFiles(odd, 'nixos')).text
    const [evaluation] = await evaluateSystems([
      ['({ ... }: { networking.useNetworkd = false; })', `(${text})`],
    ])
    expect(evaluation?.config.networking.firewall.interfaces).toEqual({
      'eth0.100': { allowedTCPPorts: [5000, 5202] },
    })
  })
})

describe('tuning', () => {
  test('is there only where it was asked for, and says that it gains nothing on the cable', () => {
    for (const format of ['networkd', 'networkmanager', 'nixos'] as const) {
      const without = linkFiles(server, format)
      const withIt = linkFiles({ ...server, ...tuned }, format)
      const text = withIt.map(({ text }) => text).join('\n')
      expect(without.map(({ text }) => text).join('\n')).not.toMatch(/bbr|rmem/)
      expect(text).toContain('bbr')
      expect(text.replaceAll(/\s*\n\s*# ?/g, ' ')).toContain('gains nothing on this cable')
    }
  })

  testWith(['nix-instantiate'])('does not contradict that of generate-config', async () => {
    const generated = moduleText({ header: 'x', sections: [networkTuningSection(tuned)] })
    const text = only(linkFiles({ ...server, ...tuned }, 'nixos')).text
    const base = '({ ... }: { networking.useNetworkd = false; })'
    const [evaluation] = await evaluateSystems([[base, `(${generated})`, `(${text})`]])
    expect(evaluation?.config.boot.kernel.sysctl['net.ipv4.tcp_congestion_control']).toBe('bbr')
  })

  testWith(['sysctl'])('is read by sysctl', async () => {
    const file = linkFiles({ ...server, ...tuned }, 'networkd').at(-1)
    const path = join(await tempDir('sysctl'), '90-narwhal-link.conf')
    await writeFile(path, file?.text ?? '')
    const { code, stdout, stderr } = await runProgram('sysctl', ['--dry-run', '-p', path], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('net.ipv4.tcp_congestion_control = bbr')
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(6)
  })
})
