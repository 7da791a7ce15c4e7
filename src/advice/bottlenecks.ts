import { type Bottleneck, type Part, severities } from './bottleneck.ts'
import { cpuBottlenecks } from './bottlenecks/cpu.ts'
import { diskBottlenecks } from './bottlenecks/disk.ts'
import { memoryBottlenecks } from './bottlenecks/memory.ts'
import { networkBottlenecks } from './bottlenecks/network.ts'
import type { Machine } from './machine.ts'
import { diskSpeed, linkSpeed, mainLink } from './speeds.ts'

/** Of two that are equally bad, what to look at first: memory kills, a disk delays, a link waits. */
const partOrder: readonly Part[] = ['memory', 'disk', 'network', 'cpu']

/**
 * Everything that holds a machine back, worst first: what is wrong now, what will be, then how far
 * the hardware goes, the slower of disk and link before the other. What is not known is no
 * bottleneck.
 */
export function findBottlenecks(machine: Machine): Bottleneck[] {
  const isLinkSlower = linkIsSlower(machine)
  const rank = ({ severity, part, id }: Bottleneck) => {
    if (severity === 'limit' && id === 'xz-stream') return 2.5
    if (severity === 'limit' && part === 'network' && isLinkSlower) return 0.5
    return partOrder.indexOf(part)
  }
  const found = [
    ...memoryBottlenecks(machine),
    ...diskBottlenecks(machine),
    ...networkBottlenecks(machine),
    ...cpuBottlenecks(machine),
  ]
  return found.toSorted(
    (a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity) || rank(a) - rank(b),
  )
}

/** WiFi of unknown rate is taken for the slower one: no disk that it serves is. */
function linkIsSlower(machine: Machine): boolean {
  const link = linkSpeed(machine)
  const disk = diskSpeed(machine)
  if (!link) return mainLink(machine)?.kind === 'wifi'
  return disk === undefined || link.bytesPerSecond < disk.bytesPerSecond
}
