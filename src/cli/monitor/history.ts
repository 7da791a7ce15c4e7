import type { Sample } from './sample.ts'

/** The figures that are drawn as curves. */
const series = {
  requests: ({ server }: Sample) => server.rates?.requestsPerSecond,
  sent: ({ server }: Sample) => server.rates?.sentBytesPerSecond,
  fetched: ({ server }: Sample) => server.rates?.fetchedBytesPerSecond,
  cpu: ({ host }: Sample) => host.cpu?.all.workPercent,
  disk: ({ host }: Sample) => busiestDisk(host),
  network: ({ host }: Sample) => networkOf(host),
} as const

export type SeriesName = keyof typeof series
export type History = Readonly<Record<SeriesName, readonly (number | undefined)[]>>

/** As many as the widest screen has columns. */
const maxFigures = 400

export const noHistory: History = {
  requests: [],
  sent: [],
  fetched: [],
  cpu: [],
  disk: [],
  network: [],
}

/** The history with one more sample; the oldest ones are forgotten. */
export function remember(history: History, sample: Sample): History {
  return Object.fromEntries(
    Object.entries(series).map(([name, read]) => [
      name,
      [...history[name as SeriesName], read(sample)].slice(-maxFigures),
    ]),
  ) as Record<SeriesName, (number | undefined)[]>
}

function busiestDisk({ disks }: Sample['host']): number | undefined {
  return disks.length === 0 ? undefined : Math.max(...disks.map(({ busyPercent }) => busyPercent))
}

/** Both ways, without what the machine says to itself. */
function networkOf({ interfaces }: Sample['host']): number {
  return interfaces
    .filter(({ name }) => name !== 'lo')
    .reduce((sum, one) => sum + one.receivedBytesPerSecond + one.sentBytesPerSecond, 0)
}
