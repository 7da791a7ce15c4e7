import type { Machine } from '../machine.ts'
import type { Setting } from '../setting.ts'
import type { Statement } from '../verdict.ts'
import { canHaveZram, zramPercent, zramStatement } from '../zram.ts'
import { option } from './option.ts'

/** Compressed swap in memory, and a kernel that uses it early; nothing inside a container. */
export function zramSettings(machine: Machine): Setting[] {
  if (!canHaveZram(machine)) return []
  const size = zramStatement(machine)
  const isWeak = isWeakCpu(machine.cpu.model)
  const algorithm: Statement = {
    text: isWeak
      ? `lz4: this CPU (${machine.cpu.model}) would spend long on zstd.`
      : 'zstd keeps more in the same memory than lz4, and this CPU is fast enough for it.',
    source: 'docs.kernel.org, zram: comp_algorithm',
    check: 'zramctl',
  }
  const priority: Statement = {
    text: 'Before any swap on a disk: memory is a thousand times faster.',
    source: 'swapon(8), priority',
    check: 'swapon --show',
  }
  const set = (name: string, value: number, text: string): Setting =>
    option(['boot', 'kernel', 'sysctl', name], value, {
      text,
      source: 'ArchWiki, zram: optimizing swap on zram; docs.kernel.org, sysctl/vm',
      check: `sysctl ${name}`,
    })
  return [
    option(['zramSwap', 'enable'], true, size),
    option(['zramSwap', 'algorithm'], isWeak ? 'lz4' : 'zstd', algorithm),
    option(['zramSwap', 'memoryPercent'], zramPercent(machine.memory.totalBytes), size),
    option(['zramSwap', 'priority'], 100, priority),
    set(
      'vm.swappiness',
      180,
      'Swapping to zram costs less than reading files again from the disk.',
    ),
    set('vm.watermark_boost_factor', 0, 'No bursts of swapping when memory is fragmented.'),
    set('vm.watermark_scale_factor', 125, 'Begins to swap earlier, in the background.'),
    set('vm.page-cluster', 0, 'zram has no seeks: reading neighbours ahead is work for nothing.'),
  ]
}

/** Atoms, their relatives up to Goldmont, and ARM cores that work in order: slow at zstd. */
export function isWeakCpu(model: string | undefined): boolean {
  return /\bAtom\b|\b(?:Celeron|Pentium)\b.*\b[NJ]\d{4}\b|\bGX-\d{3}|\bVIA\b|\bCortex-A(?:5|7|35|53|55)\b/.test(
    model ?? '',
  )
}
