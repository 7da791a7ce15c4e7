import type { ResentReading } from '../../advice/link/reading.ts'
import { readSystemFile, type SystemRoots, systemRoots } from '../system-files.ts'

/** Segments TCP has sent from this machine since it started, and how many of them again: proc(5) net/snmp. */
export function readTcpCounters(roots: SystemRoots = systemRoots): ResentReading | undefined {
  const text = readSystemFile(roots.proc, 'net/snmp') ?? ''
  const [names = [], figures = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Tcp: '))
    .map((line) => line.split(' '))
  const of = (name: string) => Number(figures[names.indexOf(name)])
  const [segments, resent] = [of('OutSegs'), of('RetransSegs')]
  return Number.isFinite(segments) && Number.isFinite(resent) ? { segments, resent } : undefined
}

/** What has been sent between two readings. */
export function countedSince(
  before: ResentReading | undefined,
  after: ResentReading | undefined,
): ResentReading | undefined {
  if (before === undefined || after === undefined) return undefined
  return { segments: after.segments - before.segments, resent: after.resent - before.resent }
}
