import type { Assignment, Section } from './module-text.ts'
import { mkDefault } from './nix-value.ts'
import type { WantedConfig } from './wanted-config.ts'

const MiB = 2 ** 20
/** A far cache: another continent. The path the buffers are for. */
const farRoundTripMs = 100
const assumedBitsPerSecond = 1e9
/** What Linux allows by itself: tcp_rmem's third number. */
const usualBufferBytes = 6 * MiB
/** One connection's buffer never takes more of the memory than this. */
const memoryShare = 1 / 128

/** Sysctls for long paths, with --tune only: on a cable they gain nothing. */
export function networkTuningSection({ tuning }: Pick<WantedConfig, 'tuning'>): Section {
  return { title: 'Network tuning (--tune)', assignments: tuning ? assignmentsOf(tuning) : [] }
}

function assignmentsOf(tuning: NonNullable<WantedConfig['tuning']>): Assignment[] {
  const { bytes, arithmetic } = bufferOf(tuning)
  const sysctl = (name: string) => ['boot', 'kernel', 'sysctl', name]
  return [
    {
      path: ['boot', 'kernelModules'],
      value: ['tcp_bbr'],
      because: [
        'BBR sends as fast as the path takes it instead of slowing down at each lost packet.',
        'Helps: downloads from and uploads to far caches, with loss (WiFi, mobile, other continents); both ends tune their own sending, so here it speeds up what this machine sends.',
        'Does not help: a cable or a switch. 1 Gbit/s × 0.5 ms = 62.5 kB in flight, which every default holds. Measure with "narwhal bench" before and after, and take it out if nothing changes.',
      ].join('\n'),
    },
    {
      path: sysctl('net.core.default_qdisc'),
      value: mkDefault('fq'),
      because: 'BBR wants its packets paced: fq does.',
    },
    { path: sysctl('net.ipv4.tcp_congestion_control'), value: mkDefault('bbr') },
    {
      path: sysctl('net.core.rmem_max'),
      value: mkDefault(bytes),
      because: arithmetic,
    },
    { path: sysctl('net.core.wmem_max'), value: mkDefault(bytes) },
    {
      path: sysctl('net.ipv4.tcp_rmem'),
      value: mkDefault(`4096 131072 ${bytes}`),
      because:
        'Least, first and most: the kernel grows each buffer by itself only as far as it helps.',
    },
    { path: sysctl('net.ipv4.tcp_wmem'), value: mkDefault(`4096 16384 ${bytes}`) },
    {
      path: sysctl('net.ipv4.tcp_slow_start_after_idle'),
      value: mkDefault(0),
      because: 'Connections are kept open between requests; they need not begin slowly each time.',
    },
  ]
}

/** Twice what is in flight on a far path, as half of a buffer is the kernel's own; at least the default. */
function bufferOf({ bitsPerSecond, memoryBytes }: NonNullable<WantedConfig['tuning']>): {
  bytes: number
  arithmetic: string
} {
  const rate = bitsPerSecond ?? assumedBitsPerSecond
  const wanted = (2 * rate * farRoundTripMs) / 1000 / 8
  const most = Math.max(usualBufferBytes, memoryBytes * memoryShare)
  const bytes = Math.floor(Math.min(most, Math.max(usualBufferBytes, wanted)) / MiB) * MiB
  const rateText = `${rate / 1e9} Gbit/s${bitsPerSecond === undefined ? ' (assumed)' : ''}`
  const arithmetic = [
    `2 × ${rateText} × ${farRoundTripMs} ms / 8 = ${(wanted / MiB).toFixed(1)} MiB for a far cache,`,
    `at least Linux's own ${usualBufferBytes / MiB} MiB, at most 1/128 of the memory (${(memoryBytes / 128 / MiB).toFixed(1)} MiB): ${bytes / MiB} MiB.`,
  ].join(' ')
  return { bytes, arithmetic }
}
