import { formatSize, GiB } from '../../units.ts'
import { figures } from '../figures.ts'
import type { Machine } from '../machine.ts'
import type { Statement } from '../verdict.ts'

/** Evaluating a configuration takes memory too, and not within nix-daemon's limit. */
export function evaluationStatement({ memory }: Machine): Statement | undefined {
  const needed = figures.evaluationBytes.value
  if (memory.totalBytes - figures.leanSystemBytes.value >= needed) return undefined
  return {
    text: `Evaluating even a simple NixOS configuration takes ${formatSize(1.8 * GiB)} to ${formatSize(needed)}: run nixos-rebuild --target-host from a larger machine.`,
    formula: `${formatSize(memory.totalBytes)} − ${formatSize(figures.leanSystemBytes.value)} < ${formatSize(needed)}`,
    source: figures.evaluationBytes.source,
    check: 'command time -v nix-instantiate "<nixpkgs/nixos>" -A system',
  }
}
