import { bands } from '../../src/advice/bands.ts'
import { describedMachine } from '../../src/advice/described-machine.ts'
import { type Figure, figures } from '../../src/advice/figures.ts'
import { heavyPackages } from '../../src/advice/heavy-packages.ts'
import type { Machine } from '../../src/advice/machine.ts'
import { memoryBudget } from '../../src/advice/memory-budget.ts'
import { delivery, gigabitBytesPerSecond } from '../../src/advice/plan/delivery.ts'
import type { Part } from '../../src/advice/plan/part.ts'
import { formatMoney } from '../../src/advice/plan/price-table.ts'
import { formatBitSpeed, formatByteSpeed, formatShare } from '../../src/advice/rates.ts'
import { judgeRole } from '../../src/advice/role-verdict.ts'
import { roles, roleTexts } from '../../src/advice/roles.ts'
import { buildSlots } from '../../src/advice/slots.ts'
import { diskNames } from '../../src/advice/speeds.ts'
import { zramPercent } from '../../src/advice/zram.ts'
import { formatSize, GiB } from '../../src/units.ts'
import { ownPrices } from '../advice/plan/own-prices.ts'
import { machines } from '../support/machines.ts'
import { holdBlocks, table } from './held-blocks.ts'

holdBlocks('R1: hardware.md', {
  bands: () =>
    table(
      ['memory', 'MemTotal from', 'good for'],
      bands.map(({ label, fromBytes, text }) => [label, formatSize(fromBytes), text]),
    ),
  roles: () =>
    table(
      ['role', 'what it does'],
      roles.map((role) => [role, roleTexts[role]]),
    ),
  slots: () =>
    table(
      ['memory', 'compile processes', 'zram', 'the arithmetic'],
      [1, 2, 4, 8, 16, 32, 64].map((gib) => slotRow(gib)),
    ),
  heavy: () =>
    table(
      ['package', 'memory of the machine', 'disk', 'known', 'source'],
      heavyPackages.map(({ name, leastBytes, diskBytes, what, source }) => [
        name,
        formatSize(leastBytes),
        formatSize(diskBytes),
        what,
        source,
      ]),
    ),
  storage: () =>
    table(
      ['disk', '16 NARs at once, not in memory', 'fills a gigabit', 'how'],
      (['hdd', 'ssd', 'nvme', 'emmc', 'sd', 'usb'] as const).map((kind) => {
        const { diskBytesPerSecond = 0, because } = delivery(
          describedMachine({ disks: [{ kind }] }),
        )
        const how = /disk: (.*); link/.exec(because.formula ?? '')?.[1] ?? ''
        const fills = diskBytesPerSecond >= gigabitBytesPerSecond ? 'yes' : 'no'
        return [diskNames[kind], formatByteSpeed(diskBytesPerSecond), fills, how]
      }),
    ),
  links: () => table(['link', 'carries', 'how'], linkRows()),
  machines: () =>
    table(
      ['machine', 'memory, threads, disk', ...roles, 'slots', 'packs anew'],
      Object.entries(machines).map(([name, machine]) => machineRow(name, machine)),
    ),
  figures: () =>
    table(
      ['figure', 'value', 'source'],
      Object.values(figures).map((figure: Figure) => [figure.what, inWords(figure), figure.source]),
    ),
  prices: () => {
    const { parts, currency, asOf, source, note } = ownPrices()
    const rows = parts.map((part) => [
      part.kind,
      part.name,
      priceOf(part, currency),
      modelsOf(part),
    ])
    return `As of ${asOf}: ${source}. ${note ?? ''}\n\n${table(['kind', 'part', 'price', 'such as'], rows)}`
  },
})

function slotRow(gib: number): string[] {
  // What Linux sees of so much, as a machine with as many threads as could be.
  const machine = describedMachine({ cpu: { cores: 64 }, memory: { totalBytes: gib * 0.96 * GiB } })
  const { count, because } = buildSlots(machine)
  const percent = zramPercent(machine.memory.totalBytes)
  return [`${gib} GB`, String(count), `${percent} %`, (because.formula ?? '').replace(/;.*/, '')]
}

function linkRows(): string[][] {
  const rows = [10e6, 100e6, 1e9, 2.5e9, 10e9].map((bits) => {
    const bytes = (bits / 8) * figures.gigabitPayloadShare.value
    const how = `× ${figures.gigabitPayloadShare.value} at MTU 1500`
    return [formatBitSpeed(bits), `${formatByteSpeed(bytes)}, ${formatBitSpeed(bytes * 8)}`, how]
  })
  // Of a frame of 9000 bytes 52 are headers, and 38 more go over the wire.
  const jumbo = (1e9 / 8) * ((9000 - 52) / (9000 + 38))
  const wifi = (figures.wifiBitsPerSecond.value / 8) * figures.wifiShare.value
  return [
    ...rows,
    [
      '1 Gbit/s, MTU 9000',
      `${formatByteSpeed(jumbo)}, ${formatBitSpeed(jumbo * 8)}`,
      '(9000 − 52) / 9038; both ends must agree',
    ],
    [
      `WiFi at ${formatBitSpeed(figures.wifiBitsPerSecond.value)}`,
      `${formatByteSpeed(wifi)}, ${formatBitSpeed(wifi * 8)}`,
      `× ${figures.wifiShare.value}: ${figures.wifiShare.source}`,
    ],
  ]
}

function machineRow(name: string, machine: Machine): string[] {
  const { memory, cpu, disks } = machine
  const kind = disks[0]?.kind
  const { recompression } = memoryBudget(machine, 'proxy')
  return [
    name,
    `${formatSize(memory.totalBytes)}, ${cpu.threads}, ${kind ? diskNames[kind] : '?'}`,
    ...roles.map((role) => judgeRole(machine, role).answer),
    String(buildSlots(machine).count),
    recompression ? `${recompression.workers} at level ${recompression.level}` : 'no',
  ]
}

function inWords({ value, unit }: Figure): string {
  if (unit === 'bytes') return formatSize(value)
  if (unit === 'bytes/s') return formatByteSpeed(value)
  if (unit === 'bit/s') return formatBitSpeed(value)
  if (unit === 'share') return value <= 1 ? formatShare(value) : `× ${value}`
  return `${value.toLocaleString('en')}${unit === '1/s' ? ' a second' : ` ${unit}`}`
}

function priceOf(part: Part, currency: string): string {
  const money = formatMoney(part.priceCents, currency)
  return `${money}${part.kind === 'hosted' ? ' a month' : part.isUsed ? ', second-hand' : ''}`
}

function modelsOf({ models }: Part): string {
  return models.join(', ')
}
