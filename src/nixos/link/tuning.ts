import { comment } from '../comment.ts'
import type { Assignment } from '../module-text.ts'
import { networkTuningSection } from '../network-tuning.ts'
import { callTag, type NixValue } from '../nix-value.ts'
import type { LinkConfiguration, LinkFile } from './link-files.ts'

export type Tuning = NonNullable<LinkConfiguration['tuning']>

/** Stands above it everywhere: who asked for it with a cable in mind should know. */
const whyNotForTheCable = [
  'Asked for with --tune. It is for the whole machine, and gains nothing on this cable:',
  '1 Gbit/s × 0.5 ms / 8 = 62.5 kB are on their way at most, and nothing is lost.',
].join(' ')

/** The same values as `generate-config --tune` sets, so that both modules can be imported. */
export function tuningAssignments(tuning: Tuning): readonly Assignment[] {
  const [first, ...rest] = networkTuningSection({ tuning }).assignments
  if (first === undefined) return []
  return [{ ...first, because: [whyNotForTheCable, first.because].join('\n') }, ...rest]
}

/** The same for sysctl.d(5). */
export function tuningFile(tuning: Tuning): LinkFile {
  const lines = tuningAssignments(tuning).flatMap(({ path, value, because }) => {
    const comments = typeof because === 'string' ? [comment(because)] : []
    const [, , area, key] = path
    // BBR is a module where it is not built in.
    if (area === undefined || key === undefined) return [...comments, '# First: modprobe tcp_bbr']
    return [...comments, `${key} = ${settingOf(value)}`]
  })
  const text = `${lines.join('\n')}\n`
  return { path: '/etc/sysctl.d/90-narwhal-link.conf', mode: 0o644, text }
}

/** What a sysctl is set to, out of lib.mkDefault. */
function settingOf(value: NixValue): string {
  if (typeof value === 'object' && value !== null && callTag in value)
    return settingOf((value as { args: readonly NixValue[] }).args[0] as NixValue)
  return String(value)
}
