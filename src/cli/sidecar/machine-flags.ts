import type { MachineDescription } from '../../advice/described-machine.ts'
import { type Disk, diskKinds, type Link } from '../../advice/machine.ts'
import { nearest } from '../../config/suggestion.ts'
import { isAppError } from '../../errors.ts'
import { parseSize } from '../../units.ts'

/** What --ram, --cores, … say, as they were typed. */
export interface MachineFlags {
  readonly ram?: string
  readonly cores?: string
  readonly threads?: string
  readonly disk?: readonly string[]
  readonly link?: readonly string[]
}

/**
 * Reads a machine given by flags.
 *
 * @param complain told every mistake, with the flag
 */
export function readMachineFlags(
  flags: MachineFlags,
  complain: (mistake: string) => void,
): MachineDescription {
  /** Reads one flag's value with what throws or complains; undefined where it is not given. */
  const read = <Value>(name: string, value: string | undefined, reader: Reader<Value>) =>
    value === undefined
      ? undefined
      : reader(value, (what) => complain(`--${name} ${value}: ${what}`))
  const totalBytes = read('ram', flags.ram, memorySize)
  const cores = read('cores', flags.cores, coreCount)
  const threads = read('threads', flags.threads, threadCount)
  if (cores !== undefined && threads !== undefined && threads < Math.floor(cores))
    complain(`--threads ${threads}: a machine has at least as many threads as cores (${cores})`)
  const disks = flags.disk?.map((text) => read('disk', text, diskOf) ?? {})
  const links = flags.link?.map((text) => read('link', text, linkOf) ?? {})
  return {
    // What a file says of the rest does not hold for another size.
    ...(totalBytes !== undefined && {
      memory: { totalBytes, availableBytes: undefined, isLimited: false },
    }),
    ...(cores !== undefined && { cpu: { cores, threads: threads ?? Math.ceil(cores) } }),
    ...(cores === undefined && threads !== undefined && { cpu: { threads } }),
    ...(disks && { disks }),
    ...(links && { links }),
  }
}

type Complain = (what: string) => void
type Reader<Value> = (text: string, complain: Complain) => Value | undefined

const leastMemoryBytes = 32 * 2 ** 20

function memorySize(text: string, complain: Complain): number | undefined {
  const bytes = size(text, complain)
  if (bytes !== undefined && bytes < leastMemoryBytes)
    return void complain('too little for any machine; give a size with its unit, such as 4G')
  return bytes
}

function size(text: string, complain: Complain): number | undefined {
  try {
    return parseSize(text)
  } catch (error) {
    if (!isAppError(error, 'BAD_SIZE')) throw error
    return void complain('give a size such as 4G')
  }
}

/** A share of a core is a core too: containers have 1.5 of them. */
function coreCount(text: string, complain: Complain): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0 && Number(text) <= 4096) return Number(text)
  return void complain('give a number such as 4')
}

function threadCount(text: string, complain: Complain): number | undefined {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  return void complain('give a whole number such as 8')
}

/** "hdd:500G:free=120G:fs=btrfs"; the kind alone is enough. */
function diskOf(text: string, complain: Complain): Partial<Disk> {
  const [word = '', ...rest] = text.split(':')
  const kind = diskKinds.find((kind) => kind === word.toLowerCase())
  if (kind === undefined) {
    const meant = nearest(word, diskKinds)
    complain(
      meant === undefined
        ? `the kind is one of ${diskKinds.join(', ')}: hdd:500G`
        : `no kind of disk is called "${word}"; did you mean ${meant}?`,
    )
  }
  const disk: { -readonly [Name in keyof Disk]?: Disk[Name] } = { ...(kind && { kind }) }
  for (const part of rest) {
    const [name = '', value] = part.split('=')
    if (value === undefined) disk.totalBytes = size(part, complain)
    else if (name === 'free') disk.freeBytes = size(value, complain)
    else if (name === 'fs' && /^\w[\w.-]*$/.test(value)) disk.filesystem = value
    else complain(`"${part}" is not known; give hdd:500G:free=120G:fs=ext4`)
  }
  if ((disk.freeBytes ?? 0) > (disk.totalBytes ?? Number.POSITIVE_INFINITY))
    complain('more is free than the disk holds')
  return disk
}

/** "1G", "ethernet:1G", "wifi:300M", "wifi". */
function linkOf(text: string, complain: Complain): Partial<Link> {
  const parts = text.split(':')
  const last = parts.at(-1) ?? ''
  const rate = bitRate(last)
  const [word, ...more] = rate === undefined ? parts : parts.slice(0, -1)
  const kind = (['ethernet', 'wifi', 'virtual'] as const).find(
    (kind) => kind === word?.toLowerCase(),
  )
  if (more.length > 0 || (word !== undefined && kind === undefined) || rate === 0)
    return complain('give a rate such as 1G or 100M, or wifi:300M') ?? {}
  return {
    kind: kind ?? 'ethernet',
    ...(rate !== undefined && { bitsPerSecond: rate }),
    ...(kind !== 'wifi' && { duplex: 'full' }),
    isUp: true,
  }
}

/** Bits per second, decimal as networks count: "2.5G", "1Gbit/s", "300 Mbit". */
function bitRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([KMG])(?:bit|bps)?(?:\/s)?$/i.exec(text)
  if (!match) return undefined
  const factor = { K: 1e3, M: 1e6, G: 1e9 }[match[2]?.toUpperCase() as 'K' | 'M' | 'G']
  return Math.round(Number(match[1]) * factor)
}
