import type { Alternative, Statement, Verdict } from '../verdict.ts'
import type { InterfaceChoice } from './choose-interface.ts'
import { formatNetwork } from './ipv4.ts'
import type { LinkWish } from './plan-link.ts'
import type { SubnetChoice } from './subnet.ts'

const routingTable = 'ip route'

function no(question: string, because: Statement, instead: readonly Alternative[]): Verdict {
  const [first, ...rest] = instead
  if (first === undefined) throw new RangeError('a no needs an alternative')
  return { question, answer: 'no', because: [because], instead: [first, ...rest] }
}

const secondPort: Alternative = {
  kind: 'upgrade',
  text: 'a gigabit adapter on USB 3 gives this machine one more port (on USB 2 it carries about 300 Mbit/s)',
  cost: 'about $15',
}

/** Why no interface was chosen, and what to do. */
export function noInterface(
  choice: Exclude<InterfaceChoice, { kind: 'chosen' }>,
  wish: LinkWish,
): Verdict {
  const command = `narwhal direct-network --${wish.end} --interface`
  switch (choice.kind) {
    case 'unknown':
      return no(
        `Can ${choice.name} be the direct link?`,
        {
          text: `There is no interface ${choice.name} here.`,
          source: 'the interfaces the kernel lists',
          check: 'ip link',
        },
        [{ kind: 'workaround', text: 'name one that "ip link" lists, or leave --interface out' }],
      )
    case 'refused':
      return no(
        `Can ${choice.link.name} be the direct link?`,
        {
          text: `${choice.link.name} ${choice.objection}.`,
          source: 'the routing table and the addresses of this machine',
          check: `ip route; ip address show ${choice.link.name}`,
        },
        choice.link.hasDefaultRoute
          ? [
              { kind: 'workaround', text: `take another port: ${command} IF` },
              secondPort,
              {
                kind: 'alternative',
                text: 'stay on this network: a gigabit switch between both machines loses microseconds only',
              },
            ]
          : [
              {
                kind: 'workaround',
                text: 'take another port, or take those addresses away where they are configured',
              },
              secondPort,
            ],
      )
    case 'none':
      return no(
        'Is there an interface for a direct link?',
        {
          text:
            choice.candidates.length === 0
              ? 'No interface of this machine is known.'
              : `None is free: ${choice.candidates.map(({ link, objection }) => `${link.name} ${objection}`).join('; ')}.`,
          source: 'the interfaces, addresses and routes of this machine',
          check: 'ip address; ip route',
        },
        [
          secondPort,
          { kind: 'workaround', text: `name one all the same, where it may be: ${command} IF` },
        ],
      )
    case 'several':
      return no(
        'Which interface is the direct link?',
        {
          text: `${choice.names.join(', ')} are all unused; which one holds the cable cannot be told from here.`,
          source: 'the interfaces, addresses and routes of this machine',
          check: 'ip link   (pull the cable: the one that loses LOWER_UP)',
        },
        [
          { kind: 'workaround', text: `${command} ${choice.names[0]}` },
          ...choice.names
            .slice(1)
            .map((name) => ({ kind: 'workaround' as const, text: `${command} ${name}` })),
        ],
      )
  }
}

/** Why the addresses cannot be used, and which can. */
export function noSubnet(choice: Exclude<SubnetChoice, { kind: 'free' }>, wish: LinkWish): Verdict {
  if (choice.kind === 'unfit')
    return no(
      'Can the link have these addresses?',
      { text: `${choice.why}.`, source: 'RFC 1918', check: routingTable },
      [{ kind: 'workaround', text: 'leave --subnet out, or give one such as 172.31.255.0/30' }],
    )
  const { subnet, by, offered } = choice
  const { network } = by
  return no(
    `Can the link have the addresses ${formatNetwork(subnet)}?`,
    {
      text: `${by.interface} already leads to ${formatNetwork(network)}, which overlaps: hosts there would be cut off, or the link would.`,
      source: 'the routing table of this machine',
      check: routingTable,
    },
    offered === undefined
      ? [{ kind: 'workaround', text: 'give a subnet nobody here uses with --subnet, at both ends' }]
      : [
          {
            kind: 'workaround',
            text: `narwhal direct-network --${wish.end} --subnet ${formatNetwork(offered)}   and the same --subnet at the other end`,
          },
        ],
  )
}
