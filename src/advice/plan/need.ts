import { bandOf } from '../bands.ts'
import type { Bottleneck } from '../bottleneck.ts'
import { memoryPressureShare } from '../bottlenecks/memory.ts'
import { findBottlenecks } from '../bottlenecks.ts'
import type { Machine } from '../machine.ts'
import type { Role } from '../roles.ts'
import { buildSlots } from '../slots.ts'
import { delivery, gigabitBytesPerSecond } from './delivery.ts'

/** Bottlenecks that other hardware can cure; the rest are settings. */
const curable: ReadonlySet<string> = new Set([
  'oom-kills',
  'memory-pressure',
  'few-build-slots',
  'disk-failing',
  'disk-full',
  'disk-nearly-full',
  'disk-busy',
  'disk-slower-than-link',
  'hdd',
  'sd',
  'usb',
  'emmc',
  'half-duplex',
  'packet-loss',
  'wifi',
  'slow-link',
  'cpu-busy',
  'single-core',
])

/** What a machine is short of for a role and money could change, what hurts most first. */
export function findNeeds(machine: Machine, role: Role): Bottleneck[] {
  const { count } = buildSlots(machine)
  const needsSlots = role === 'builder' || (role === 'cache' && count === 0)
  const { diskBytesPerSecond } = delivery(machine)
  const fillsGigabit = (diskBytesPerSecond ?? 0) >= gigabitBytesPerSecond
  return findBottlenecks(machine).filter(
    ({ id }) =>
      curable.has(id) &&
      (id !== 'few-build-slots' || needsSlots) &&
      // Beyond a gigabit it is the client that cannot keep up.
      (id !== 'disk-slower-than-link' || !fillsGigabit),
  )
}

/** True for what hurts already; else it only bounds what the machine could do. */
export function isUrgent({ severity }: Bottleneck): boolean {
  return severity !== 'limit'
}

/** True where more memory would ease something that hurts, besides allowing more builds. */
export function lacksMemory(machine: Machine): boolean {
  const { oomKills, memoryPressure } = machine.troubles
  const isTiny = bandOf(machine.memory.totalBytes).name === 'experimental'
  return (oomKills ?? 0) > 0 || (memoryPressure ?? 0) >= memoryPressureShare || isTiny
}
