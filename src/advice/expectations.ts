import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import { memoryBudget } from './memory-budget.ts'
import { slowLine } from './narwhal-settings.ts'
import { type PredictionKey, predict, predictionOf } from './predict.ts'
import { formatBitSpeed, formatByteSpeed, formatShare } from './rates.ts'
import type { Role } from './roles.ts'
import {
  deliveredBytesPerSecond,
  diskNames,
  diskSpeed,
  linkSpeed,
  mainDisk,
  mainLink,
  xzStreamBytesPerSecond,
} from './speeds.ts'
import type { Statement } from './verdict.ts'

/** What bounds what clients get, whatever is configured: disk, link, and xz. */
export function servingLimits(machine: Machine): Statement[] {
  return [...narLimit(machine), ...oneStream(machine)]
}

/** The slower of disk and link bounds a NAR from the disk. */
function narLimit(machine: Machine): Statement[] {
  const disk = diskSpeed(machine)
  const link = linkSpeed(machine)
  const kind = mainDisk(machine)?.kind
  const name = kind ? diskNames[kind] : 'disk'
  const check = 'narwhal bench http://cache:5000; narwhal diagnose --measure'
  if (!disk && !link) return []
  if (!link) return [unknownLink(machine, `${name}, ${formatByteSpeed(disk?.bytesPerSecond ?? 0)}`)]
  if (!disk)
    return [
      {
        text: `The link allows ${formatByteSpeed(link.bytesPerSecond)}; how fast the ${name} is, is not known.`,
        formula: link.formula,
        source: link.source,
        check,
      },
    ]
  const isDisk = disk.bytesPerSecond < link.bytesPerSecond
  const least = isDisk ? disk : link
  const share = formatShare(least.bytesPerSecond / link.bytesPerSecond)
  return [
    {
      text: isDisk
        ? `NARs leave at up to ${formatByteSpeed(least.bytesPerSecond)}: the ${name} fills ${share} of the link. What is still in memory leaves faster.`
        : `NARs leave at up to ${formatByteSpeed(least.bytesPerSecond)}: the link is the bound, the ${name} brings ${formatByteSpeed(disk.bytesPerSecond)}${kind === 'hdd' ? ' to one reader, less to several' : ''}.`,
      formula: `min(${disk.formula}; ${link.formula})`,
      source: `${disk.source}; ${link.source}`,
      check,
    },
  ]
}

/** Then the link is the first suspect, most of all where it is WiFi. */
function unknownLink(machine: Machine, disk: string): Statement {
  const isWifi = mainLink(machine)?.kind === 'wifi'
  return {
    text: isWifi
      ? `NARs leave as fast as the WiFi carries them, which is not known and changes; the ${disk}, is not the bound.`
      : `How fast the link is, is not known; the ${disk}, is the bound where the link is faster.`,
    source: 'the network card does not tell its rate',
    check: 'iw dev; ethtool; narwhal bench http://cache:5000 from a client',
  }
}

function oneStream(machine: Machine): Statement[] {
  const delivered = deliveredBytesPerSecond(machine)
  const stream = xzStreamBytesPerSecond
  if (delivered === undefined || delivered <= stream) return []
  return [
    {
      text: `One client that unpacks xz takes no more than ${formatBitSpeed(stream * 8)} for each NAR; one that gets zstd takes all ${formatBitSpeed(delivered * 8)} that disk and link bring.`,
      formula: `${formatByteSpeed(figures.xzDecodeBytesPerSecond.value)} × ${figures.xzPackedShare.value} × 8 = ${formatBitSpeed(stream * 8)}`,
      source: figures.xzDecodeBytesPerSecond.source,
      check: 'xz -dc FILE.nar.xz | pv > /dev/null',
    },
  ]
}

/** What clients will see, and what the machine does on the side. */
export function expectations(machine: Machine, role: Role): Statement[] {
  const { recompression } = memoryBudget(machine, role)
  const predictions = predict(machine)
  const say = (key: PredictionKey) => predictionOf(predictions, key).statement
  const cold: Statement = {
    text: 'A cold closure comes as fast as from the upstream; one path at a time, as nix copy asks, up to 7 times as fast. The second client waits for no upstream.',
    formula: 'nix copy, cold, 40 ms to the upstream: 27.5 s directly, 3.8 s through narwhal',
    source: 'docs/performance.md',
    check: 'narwhal bench http://cache:5000',
  }
  const isRecompressing = recompression !== undefined && slowLine(machine) === undefined
  return [
    say('narinfoLatencyMs'),
    // Without its rate the prediction would be that of a client on this machine.
    ...(linkSpeed(machine) ? [say('narBytesPerSecond')] : []),
    cold,
    ...(isRecompressing ? [say('recompressGibSeconds'), recompressed] : []),
  ]
}

const recompressed: Statement = {
  text: 'What is packed anew, clients copy about 4 times as fast as from a cache that keeps xz.',
  formula: 'nix copy: 2.9 s from a warm nginx with xz, 0.7 s from narwhal with zstd',
  source: 'docs/performance.md',
  check: 'narwhal status: recompression',
}
