import { describe, expect, test } from 'vitest'
import { describedMachine } from '../../../src/advice/described-machine.ts'
import {
  type LinkPlan,
  type LinkSurroundings,
  type LinkWish,
  planLink,
} from '../../../src/advice/link/plan-link.ts'
import { otherEndCommand, stepsFor } from '../../../src/advice/link/steps.ts'
import type { Route } from '../../../src/advice/link/subnet.ts'
import type { Link } from '../../../src/advice/machine.ts'
import type { Verdict } from '../../../src/advice/verdict.ts'

const wish: LinkWish = { end: 'server', clientNumber: 1, hosts: 2, tunes: false }
const links = describedMachine({
  links: [
    { name: 'eth0', kind: 'ethernet', hasDefaultRoute: true, addresses: ['192.168.1.2/24'] },
    { name: 'enp3s0', kind: 'ethernet', hasDefaultRoute: false, bitsPerSecond: 1e9, isUp: true },
  ],
}).links
const plain: LinkSurroundings = { links, routes: [], isNixos: false, owners: new Map() }

function planned(more: Partial<LinkWish> = {}, around: Partial<LinkSurroundings> = {}): LinkPlan {
  const decision = planLink({ ...wish, ...more }, { ...plain, ...around })
  if (decision.kind === 'refusal') throw new Error(JSON.stringify(decision.verdict))
  return decision.plan
}

function refused(more: Partial<LinkWish>, around: Partial<LinkSurroundings> = {}): Verdict {
  const decision = planLink({ ...wish, ...more }, { ...plain, ...around })
  if (decision.kind === 'plan') throw new Error(JSON.stringify(decision.plan))
  return decision.verdict
}

function insteadOf(verdict: Verdict): string {
  if (verdict.answer !== 'no') throw new Error('no is expected')
  return verdict.instead.map(({ text }) => text).join('\n')
}

function onlyFree(facts: Partial<Link>): readonly Link[] {
  const [first, second] = links
  return [first, { ...second, ...facts }] as readonly Link[]
}

describe('planLink', () => {
  test('the server is .1, the client .2, of a /30', () => {
    expect(planned()).toEqual({
      end: 'server',
      interface: 'enp3s0',
      isInterfaceNamed: false,
      subnet: '10.255.255.0/30',
      address: '10.255.255.1/30',
      serverAddress: '10.255.255.1',
      format: 'networkd',
      isUsualSubnet: true,
      hosts: 2,
      mtuBytes: undefined,
      tunes: false,
      cautions: [],
    })
    expect(planned({ end: 'client' })).toMatchObject({
      address: '10.255.255.2/30',
      serverAddress: '10.255.255.1',
    })
  })

  test('the third client of many is .4 of a /24, and a cable has two ends', () => {
    const plan = planned({ end: 'client', clientNumber: 3, hosts: 4 })
    expect(plan).toMatchObject({ address: '10.255.255.4/24', subnet: '10.255.255.0/24' })
    expect(plan.cautions).toEqual([expect.stringContaining('two ends')])
  })

  test('another subnet gives both ends their addresses', () => {
    const plan = planned({ end: 'client', subnet: '172.31.255.0/30' })
    expect(plan).toMatchObject({
      address: '172.31.255.2/30',
      serverAddress: '172.31.255.1',
      isUsualSubnet: false,
    })
  })

  test('the format is asked for, else found out', () => {
    expect(planned({}, { isNixos: true }).format).toBe('nixos')
    expect(planned({ format: 'networkmanager' }, { isNixos: true }).format).toBe('networkmanager')
    const owners = new Map([['enp3s0', [{ name: 'NetworkManager', with: undefined } as const]]])
    expect(planned({}, { owners }).format).toBe('networkmanager')
    expect(planned({ format: 'networkd' }, { owners }).cautions).toEqual([
      expect.stringContaining('unmanaged-devices'),
    ])
  })

  test.each([
    [{ bitsPerSecond: 1e8 }, {}, 'has negotiated 100 Mbit/s'],
    [{ duplex: 'half' }, {}, 'half duplex'],
    [{ isUp: false }, {}, 'no carrier'],
    [{}, { mtuBytes: 9000 }, 'ping -M do -s 8972'],
  ] as const)('%j %j is a caution', (facts, more, words) => {
    const { cautions } = planned(more, { links: onlyFree(facts) })
    expect(cautions).toEqual([expect.stringContaining(words)])
  })

  test.each([
    [{ bitsPerSecond: undefined, isUp: undefined, duplex: undefined }, {}],
    [{ bitsPerSecond: 1e9, isUp: true, duplex: 'full' }, {}],
    [{}, { mtuBytes: 1500 }],
  ] as const)('%j %j is none', (facts, more) => {
    expect(planned(more, { links: onlyFree(facts) }).cautions).toEqual([])
  })
})

describe('refusals: each with a reason, and with what will work', () => {
  test('the interface with the default route', () => {
    const verdict = refused({ interface: 'eth0' })
    expect(verdict.because[0].text).toContain('default route')
    expect(insteadOf(verdict)).toContain('take another port')
    expect(insteadOf(verdict)).toContain('USB 3')
  })

  test('an interface in use', () => {
    const used = onlyFree({ addresses: ['192.168.9.2/24'] })
    const verdict = refused({ interface: 'enp3s0' }, { links: used })
    expect(verdict.because[0].text).toContain('192.168.9.2/24')
    expect(insteadOf(verdict)).toContain('take those addresses away')
  })

  test('one that is not there, none free, none known, several', () => {
    expect(refused({ interface: 'enp9s0' }).because[0].text).toContain('no interface enp9s0')
    const none = refused({}, { links: links.slice(0, 1) })
    expect(none.because[0].text).toContain('eth0 holds the default route')
    expect(refused({}, { links: [] }).because[0].text).toContain('No interface')
    const both = [...links, { ...(links[1] as Link), name: 'enp4s0' }]
    const several = refused({ end: 'client' }, { links: both })
    expect(insteadOf(several)).toBe(
      'narwhal direct-network --client --interface enp3s0\nnarwhal direct-network --client --interface enp4s0',
    )
  })

  const vpn: Route = { interface: 'wg0', network: { first: 0x0a000000, prefixLength: 8 } }

  test('addresses another interface leads to: the offer is for both ends', () => {
    const verdict = refused({}, { routes: [vpn] })
    expect(verdict.because[0].text).toContain('wg0 already leads to 10.0.0.0/8')
    expect(insteadOf(verdict)).toContain('--server --subnet 172.31.255.0/30')
    expect(insteadOf(verdict)).toContain('the same --subnet at the other end')
  })

  test('an address of another interface is a route, where the table is not known', () => {
    const other = { ...(links[0] as Link), addresses: ['10.255.255.77/24'] }
    const verdict = refused({}, { links: [other, links[1] as Link] })
    expect(verdict.because[0].text).toContain('eth0 already leads to 10.255.255.0/24')
  })

  test('nothing left to offer', () => {
    const rest = [0xac100000, 0xc0a80000].map((first) => ({
      interface: 'wg0',
      network: { first, prefixLength: 12 },
    }))
    expect(insteadOf(refused({}, { routes: [vpn, ...rest] }))).toContain('nobody here uses')
  })

  test('public addresses', () => {
    const verdict = refused({ subnet: '8.8.8.0/30' })
    expect(verdict.because[0].text).toContain('private use')
    expect(insteadOf(verdict)).toContain('leave --subnet out')
  })
})

describe('stepsFor', () => {
  const ports = { narwhal: 5000, validate: 5202 }
  const lines = (plan: LinkPlan) => stepsFor(plan, ports).flatMap((step) => step.lines)

  test('each format is put in place its own way', () => {
    expect(lines(planned({ format: 'networkd' }))).toContain('networkctl reload')
    expect(lines(planned({ format: 'networkmanager' }))).toContain(
      'nmcli connection up narwhal-link ifname enp3s0',
    )
    expect(lines(planned({ format: 'nixos' }))).toContain('nixos-rebuild test')
  })

  test('the firewall opens on this interface only; on NixOS the module does it', () => {
    const firewall =
      'nft insert rule inet filter input iifname "enp3s0" tcp dport { 5000, 5202 } accept'
    expect(lines(planned({ format: 'networkd' }))).toContain(firewall)
    expect(lines(planned({ format: 'nixos' }))).not.toContain(firewall)
    expect(lines(planned({ format: 'networkd', end: 'client' }))).not.toContain(firewall)
  })

  test('both ends get their line of narwhal or nix.conf', () => {
    expect(lines(planned())).toContain('listen = ["10.255.255.1:5000"]     # in narwhal.toml')
    expect(lines(planned({ format: 'nixos' }))).toContain(
      'services.narwhal.settings.listen = [ "10.255.255.1:5000" ];',
    )
    const client = lines(planned({ end: 'client' }))
    expect(client).toContain('substituters = http://10.255.255.1:5000 https://cache.nixos.org')
    expect(client).toContain('curl http://10.255.255.1:5000/nix-cache-info')
    expect(lines(planned({ end: 'client', format: 'nixos' })).join()).not.toContain('substituters')
  })

  test('tuning is applied only where it was asked for and is not in a module', () => {
    expect(lines(planned({ tunes: true }))).toContain('sysctl --system')
    expect(lines(planned({ tunes: true, format: 'networkmanager' }))).toContain('sysctl --system')
    expect(lines(planned({ tunes: true, format: 'nixos' }))).not.toContain('sysctl --system')
    expect(lines(planned())).not.toContain('sysctl --system')
  })

  test('the other end is told all that both must agree on', () => {
    expect(otherEndCommand(planned())).toBe('narwhal direct-network --client')
    const much = { subnet: '10.9.9.0/24', hosts: 3, mtuBytes: 9000 }
    expect(otherEndCommand(planned({ ...much, end: 'client' }))).toBe(
      'narwhal direct-network --server --subnet 10.9.9.0/24 --hosts 3 --mtu 9000',
    )
    expect(otherEndCommand(planned({ hosts: 3 }))).toBe('narwhal direct-network --client --hosts 3')
  })

  test('both ends end with a measurement', () => {
    expect(lines(planned()).at(-1)).toBe(
      'narwhal direct-network --validate --listen --address 10.255.255.1',
    )
    expect(lines(planned({ end: 'client' })).at(-1)).toBe(
      'narwhal direct-network --validate --address 10.255.255.1',
    )
  })
})
