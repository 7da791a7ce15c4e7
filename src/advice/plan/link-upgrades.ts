import type { Link, Machine } from '../machine.ts'
import { formatBitSpeed } from '../rates.ts'
import type { Statement } from '../verdict.ts'
import type { LinkPart, Part } from './part.ts'
import { type PartChoice, priceOf, type Upgrade } from './upgrade.ts'

const gigabit = 1e9

/** Ways to a full gigabit for a machine whose link is less; none where it has one. */
export function linkUpgrades(machine: Machine, parts: readonly Part[]): Upgrade[] {
  const [link] = machine.links
  if (link === undefined) return []
  const { virtualization } = machine.system
  if (virtualization === 'vm' || virtualization === 'container') return []
  if (link.kind === 'wifi') return cableInstead(machine, parts)
  return link.kind === 'ethernet' && isLessThanGigabit(link) ? mended(link, parts) : []
}

function isLessThanGigabit({ bitsPerSecond, duplex }: Link): boolean {
  return (bitsPerSecond !== undefined && bitsPerSecond < gigabit) || duplex === 'half'
}

/** A cable; and an adapter, where no port for it is to be seen. */
function cableInstead({ links }: Machine, parts: readonly Part[]): Upgrade[] {
  const port = links.find(({ kind }) => kind === 'ethernet')
  const choices = choicesOf(parts, port === undefined ? ['cable', 'usb-ethernet'] : ['cable'])
  if (choices === undefined) return []
  // A port that is down does not tell what it can.
  const bits = port?.isUp ? (port.bitsPerSecond ?? gigabit) : gigabit
  return [
    {
      place: 'link',
      title: port === undefined ? 'cable and USB adapter' : 'cable instead of WiFi',
      priceCents: priceOf(choices),
      parts: choices,
      change: { linkBitsPerSecond: bits },
      cautions: [
        port === undefined ? usbCaution : portCaution(port.name, bits),
        {
          text: 'The other end must have a gigabit port too: the router, a switch, or the one client that matters.',
          source: 'a link is as fast as its slower end',
          check: 'ethtool on both ends: "Speed: 1000Mb/s"',
        },
      ],
      steps: linkSteps,
    },
  ]
}

/** A wire that does less than it should: mostly the cable, else the port. */
function mended(link: Link, parts: readonly Part[]): Upgrade[] {
  const choices = choicesOf(parts, ['cable', 'usb-ethernet'])
  if (choices === undefined) return []
  const rate = link.bitsPerSecond === undefined ? '' : ` at ${formatBitSpeed(link.bitsPerSecond)}`
  return [
    {
      place: 'link',
      title: 'new cable, else USB adapter',
      priceCents: priceOf(choices),
      parts: choices,
      change: { linkBitsPerSecond: gigabit },
      cautions: [
        {
          text: `${link.name} runs${rate}${link.duplex === 'half' ? ', half duplex' : ''}. If it lists 1000baseT/Full it can do better, and the cable is to blame (two of four pairs, or a bad plug): try that first and save the adapter. If not, the port is the limit.`,
          source: '100 Mbit/s needs two pairs, gigabit all four (IEEE 802.3)',
          check: `ethtool ${link.name} | grep -A9 "Supported link modes"`,
        },
        usbCaution,
      ],
      steps: linkSteps,
    },
  ]
}

function portCaution(name: string, bits: number): Statement {
  return {
    text: `${name} is taken to do ${formatBitSpeed(bits)}; old ports do 100 Mbit/s, and then a USB adapter is needed too.`,
    source: 'a port that is down does not tell its speed',
    check: `ethtool ${name} | grep -A9 "Supported link modes"`,
  }
}

const usbCaution: Statement = {
  text: 'An adapter must be in a USB 3 port: on USB 2 it carries about 280 Mbit/s.',
  source: 'USB 2.0 carries 480 Mbit/s less its overhead',
  check: 'lsusb -t: 5000M or more at the port',
}

const linkSteps: readonly string[] = [
  'Plug it in and see the speed: ethtool IF | grep -E "Speed|Duplex" (1000Mb/s, Full).',
  'For one client on its own cable: narwhal direct-network --server here, --client there.',
  "Name the new address in the clients' substituters, then: narwhal direct-network --validate",
]

/** One part of each kind, the cheapest; undefined when the table lacks one. */
function choicesOf(
  parts: readonly Part[],
  kinds: readonly LinkPart['kind'][],
): PartChoice[] | undefined {
  const choices = kinds.flatMap((kind) => {
    const [part] = parts
      .filter((one) => one.kind === kind)
      .toSorted((a, b) => a.priceCents - b.priceCents)
    return part === undefined ? [] : [{ options: [part] as [Part] }]
  })
  return choices.length === kinds.length ? choices : undefined
}
