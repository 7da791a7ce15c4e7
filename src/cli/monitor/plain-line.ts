import { formatBitRate, formatByteRate, formatPercent, formatRate } from '../display/figures.ts'
import type { Sample } from './sample.ts'

/** A sample in one line, for pipes and dumb terminals. */
export function plainLine({ at, server, host }: Sample): string {
  return [at.slice(0, 19).replace('T', ' '), serverPart(server), hostPart(host)].join(' | ')
}

function serverPart({ status, rates, fault }: Sample['server']): string {
  if (status === undefined) return `no narwhal: ${fault ?? 'no answer'}`
  const { downloads, streams, state } = status
  return [
    state,
    `${formatRate(rates?.requestsPerSecond)} requests`,
    `${formatPercent(rates?.hitPercent)} hits`,
    `sent ${formatByteRate(rates?.sentBytesPerSecond)}`,
    `fetched ${formatByteRate(rates?.fetchedBytesPerSecond)}`,
    `${streams} streams`,
    `${downloads.length} downloads`,
  ].join(', ')
}

function hostPart({ cpu, memory, disks, interfaces }: Sample['host']): string {
  const used = memory && (1 - memory.availableBytes / memory.totalBytes) * 100
  const busiest = disks.toSorted((a, b) => b.busyPercent - a.busyPercent)[0]
  const network = interfaces.find(({ name }) => name !== 'lo')
  return [
    ...(cpu ? [`cpu ${formatPercent(cpu.all.workPercent)}`] : []),
    ...(used === undefined ? [] : [`memory ${formatPercent(used)}`]),
    ...(busiest ? [`disk ${busiest.name} ${formatPercent(busiest.busyPercent)}`] : []),
    ...(network
      ? [
          `${network.name} in ${formatBitRate(network.receivedBytesPerSecond)}`,
          `out ${formatBitRate(network.sentBytesPerSecond)}`,
        ]
      : []),
  ].join(', ')
}
