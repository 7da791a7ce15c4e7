import { formatSize } from '../../src/units.ts'
import type { LineCheck } from './check-line.ts'
import type { ClosureFacts } from './closure-facts.ts'
import type { Results } from './results.ts'
import { formatCosts, formatStreams, formatTimes, formatVerdicts } from './tables.ts'

/** All that somebody needs to judge the figures, or to take them again. */
export interface Setting {
  /** YYYY-MM-DD */
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly nginx: string
  readonly nix: string
  /** Load average of the last minute, before the bench began. */
  readonly loadBefore: number
  readonly command: string
  readonly rounds: number
  readonly rttMs: number
  readonly bytesPerSecond: number
  /** True where new connections cost what TLS over TCP does. */
  readonly isDear: boolean
  readonly line: LineCheck
  readonly closure: ClosureFacts
  readonly largeNarBytes: number
}

/** More work than this on the machine spoils the figures. */
export const busyLoad = 0.5

/** The results as Markdown, which a terminal shows as well. */
export function formatReport(setting: Setting, results: Results): string {
  const notes = results.notes.map((note) => `- ${note}\n`).join('')
  return `${formatSetting(setting)}

${formatVerdicts(results)}

${formatTimes(results)}

${formatStreams(results)}

${formatCosts(results)}
${notes && `\n${notes}`}`
}

function formatSetting(setting: Setting): string {
  const { closure, line } = setting
  const busy = setting.loadBefore > busyLoad ? ': the machine was busy with other work' : ''
  return [
    `${setting.date}: ${setting.cpu}, ${setting.cores} cores; Nix ${setting.nix}, nginx ${setting.nginx}, Node ${setting.node};`,
    `load average ${setting.loadBefore} before${busy}. \`${setting.command}\`, rounds: ${setting.rounds}.`,
    `Closure: ${closure.paths} store paths in ${closure.layers} layers, ${formatSize(closure.narBytes)} unpacked,`,
    `${formatSize(closure.fileBytes)} in xz; the median path has ${formatSize(closure.medianNarBytes)}, the biggest ${formatSize(closure.largestNarBytes)}.`,
    `Large NAR: ${formatSize(setting.largeNarBytes)}. Line: ${setting.rttMs} ms and ${mbit(setting.bytesPerSecond)} Mbit/s${setting.isDear ? ', with TLS and slow start' : ''};`,
    `measured: ${line.rttMs.toFixed(1)} ms, ${line.firstRequestMs.toFixed(1)} ms on a new connection, ${mbit(line.bytesPerSecond)} Mbit/s.`,
  ].join('\n')
}

function mbit(bytesPerSecond: number): string {
  return ((bytesPerSecond * 8) / 1e6).toFixed(0)
}
