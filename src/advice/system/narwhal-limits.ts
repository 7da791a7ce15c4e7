import { formatSize, MiB } from '../../units.ts'
import { budgetStatement, type MemoryBudget } from '../memory-budget.ts'
import type { Setting } from '../setting.ts'
import { option, systemdSize } from './option.ts'

/** What systemd holds narwhal to, and how much of it JavaScript may take. */
export function narwhalLimits(budget: MemoryBudget): Setting[] {
  const { narwhalMaxBytes, narwhalHighBytes, recompression } = budget
  const check = 'systemctl status narwhal: the line "Memory"; narwhal monitor'
  const heapMiB = heapSize(budget)
  const shares = budgetStatement(budget)
  return [
    option(['services', 'narwhal', 'memoryMax'], systemdSize(narwhalMaxBytes), {
      text: `narwhal never takes more than ${formatSize(narwhalMaxBytes)}.`,
      formula: shares.formula ?? '',
      source: `${shares.source}; docs/performance.md: 145 to 320 MB measured`,
      check,
    }),
    option(
      ['systemd', 'services', 'narwhal', 'serviceConfig', 'MemoryHigh'],
      systemdSize(narwhalHighBytes),
      {
        text: recompression
          ? `From ${formatSize(narwhalHighBytes)} on the kernel takes memory back; it is enough for ${recompression.workers} at recompressing.`
          : `From ${formatSize(narwhalHighBytes)} on the kernel takes memory back.`,
        formula: recompression
          ? `(300 MiB + ${recompression.workers} × packing at level ${recompression.level}) / ¾, rounded up`
          : 'docs/performance.md: at most 212 MB without recompression',
        source: 'systemd.resource-control(5), MemoryHigh; narwhal takes it for all its memory',
        check,
      },
    ),
    option(
      ['systemd', 'services', 'narwhal', 'environment', 'NODE_OPTIONS'],
      `--max-old-space-size=${heapMiB}`,
      {
        text: `JavaScript collects its garbage before it holds ${heapMiB} MiB; bytes on their way are not part of it.`,
        formula: `half of MemoryHigh ${formatSize(narwhalHighBytes)}, 96 to 512 MiB`,
        source: 'node --v8-options: --max-old-space-size',
        check: 'systemctl show narwhal -p Environment',
      },
    ),
  ]
}

function heapSize({ narwhalHighBytes }: MemoryBudget): number {
  return Math.min(512, Math.max(96, Math.floor(narwhalHighBytes / 2 / MiB)))
}
