import { formatSize, GiB } from '../units.ts'
import type { Machine } from './machine.ts'
import type { Statement } from './verdict.ts'

/** A package that takes much more to build than others. */
export interface HeavyPackage {
  readonly name: string
  /** memory of the machine below which the build is known to fail or to swap without end */
  readonly leastBytes: number
  readonly diskBytes: number
  readonly what: string
  readonly source: string
}

/** Those that make "no constraints" untrue on any small machine. */
export const heavyPackages: readonly HeavyPackage[] = [
  {
    name: 'chromium',
    leastBytes: 16 * GiB,
    diskBytes: 100 * GiB,
    what: '8 GiB at the least, more than 16 GiB recommended, 100 GB of disk',
    source: 'Chromium, "Checking out and building on Linux": system requirements',
  },
  {
    name: 'LLVM',
    leastBytes: 14 * GiB,
    diskBytes: 20 * GiB,
    what: 'links take 4 to 14 GiB',
    source:
      'LLVM, "Getting Started": hardware; "Building LLVM with CMake": LLVM_PARALLEL_LINK_JOBS',
  },
  {
    name: 'webkitgtk',
    leastBytes: 32 * GiB,
    diskBytes: 20 * GiB,
    what: 'runs out of memory with 24 jobs in 32 GiB',
    source: 'nixpkgs#216363',
  },
  {
    name: 'the Linux kernel with BTF',
    leastBytes: 8 * GiB,
    diskBytes: 20 * GiB,
    what: 'one link of 2 to 7 GiB',
    source: 'pahole --btf_encode on a kernel with debug information',
  },
]

/** Those this machine has not enough memory for, firmware's share forgiven. */
export function tooHeavy({ memory }: Machine, tolerance = 1 / 8): HeavyPackage[] {
  return heavyPackages.filter(({ leastBytes }) => memory.totalBytes < leastBytes * (1 - tolerance))
}

/** Names what should come from a cache instead of being built here; undefined where nothing must. */
export function heavyStatement(machine: Machine): Statement | undefined {
  const heavy = tooHeavy(machine)
  if (heavy.length === 0) return undefined
  return {
    text: `Too large to build here: ${heavy.map(({ name, what }) => `${name} (${what})`).join('; ')}. Take them from cache.nixos.org.`,
    formula: `${formatSize(machine.memory.totalBytes)} < ${heavy.map(({ name, leastBytes }) => `${formatSize(leastBytes)} (${name})`).join(', ')}`,
    source: heavy.map(({ source }) => source).join('; '),
    check: 'nix build --dry-run: what it names under "will be built"',
  }
}
