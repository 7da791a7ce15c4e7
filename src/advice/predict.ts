import { GiB } from '../units.ts'
import { bottleneckOf, coreParts, type Part, part } from './core-speed.ts'
import { figures } from './figures.ts'
import type { Machine } from './machine.ts'
import { formatByteSpeed } from './rates.ts'
import { diskSpeed, linkSpeed, mainDisk, mainLink, type Speed } from './speeds.ts'
import type { Statement } from './verdict.ts'

export type PredictionKey =
  | 'narinfoLatencyMs'
  | 'narinfosPerSecond'
  | 'narBytesPerSecond'
  | 'narFromDiskBytesPerSecond'
  | 'coldNarBytesPerSecond'
  | 'recompressBytesPerSecond'
  | 'recompressGibSeconds'

/** What narwhal will do on a machine, and why it will not do more. */
export interface Prediction {
  readonly key: PredictionKey
  readonly title: string
  readonly value: number
  readonly unit: 'ms' | '1/s' | 'bytes/s' | 's'
  /** the part that bounds it: "the link", "the disk", "a core", … */
  readonly boundBy: string
  /** false where any part of it is assumed and not measured on this machine */
  readonly isMeasured: boolean
  readonly statement: Statement
}

export interface PredictOptions {
  /** where the client is: on the machine itself, or behind its first link (the default) */
  readonly client?: 'here' | 'elsewhere'
  /** the line to the upstreams; unknown: it is left out */
  readonly upstreamBytesPerSecond?: number
  /** size of the xz to pack anew, as a share of what it unpacks to; a quarter where unknown */
  readonly xzPackedShare?: number
}

const check = 'narwhal bench http://localhost:5000'
const ours = 'docs/predictions.md: this arithmetic beside what was measured'

/** Predicts what clients will see of a narwhal on this machine, and how fast it packs NARs anew. */
export function predict(machine: Machine, options: PredictOptions = {}): readonly Prediction[] {
  const facts = factsOf(machine, options)
  return [
    narinfoLatency(facts),
    narinfoRate(facts),
    narRate(facts, 'memory'),
    narRate(facts, 'disk'),
    coldRate(facts),
    ...recompression(facts),
  ]
}

/** One of them. */
export function predictionOf(predictions: readonly Prediction[], key: PredictionKey): Prediction {
  return predictions.find((prediction) => prediction.key === key) as Prediction
}

interface Facts {
  readonly core: ReturnType<typeof coreParts>
  /** where a control group gives less than a core */
  readonly coreShare: number
  /** the way to the client */
  readonly latency: Part
  /** undefined on this machine itself, and where its rate is unknown */
  readonly link: Part | undefined
  readonly isHere: boolean
  readonly disk: Part | undefined
  readonly diskWrite: Part | undefined
  readonly upstream: Part | undefined
  readonly xzPackedShare: number
  /** whether client and server share the only core */
  readonly isShared: boolean
}

function factsOf(machine: Machine, options: PredictOptions): Facts {
  const { cpu, measured } = machine
  const isHere = options.client === 'here'
  const core = coreParts(machine)
  const disk = diskSpeed(machine)
  return {
    core,
    coreShare: Math.min(1, cpu.cores),
    latency: isHere ? core.loopbackLatencyMs : linkLatency(machine),
    link: isHere ? undefined : speedPart('the link', linkSpeed(machine)),
    isHere,
    disk: speedPart('the disk', disk),
    diskWrite: diskWrite(machine, disk),
    upstream:
      options.upstreamBytesPerSecond === undefined
        ? undefined
        : part('the line to the upstream', options.upstreamBytesPerSecond, 0),
    xzPackedShare: options.xzPackedShare ?? figures.xzPackedShare.value,
    isShared: isHere && cpu.cores < 2 && measured.loopbackBytesPerSecond === undefined,
  }
}

function linkLatency(machine: Machine): Part {
  const kind = mainLink(machine)?.kind
  const assumed = kind === 'wifi' ? figures.wifiLatencyMs : figures.ethernetLatencyMs
  return part('the link', machine.measured.linkLatencyMs, assumed.value)
}

function speedPart(name: string, speed: Speed | undefined): Part | undefined {
  if (speed === undefined) return undefined
  return part(name, speed.isMeasured ? speed.bytesPerSecond : undefined, speed.bytesPerSecond)
}

function diskWrite(machine: Machine, read: Speed | undefined): Part | undefined {
  const measured = machine.measured.diskWriteBytesPerSecond
  if (measured === undefined && read === undefined) return undefined
  const kind = mainDisk(machine)?.kind
  const share = kind === 'sd' || kind === 'usb' ? figures.slowWriteShare.value : 1
  return part('writing to the disk', measured, (read?.bytesPerSecond ?? 0) * share)
}

/** Answering a narinfo, in milliseconds of the core: xz unpacked by the same code base is the yardstick. */
function narinfoWorkMs({ core, coreShare }: Facts): number {
  return (figures.narinfoWorkBytes.value / (core.xzDecode.value * coreShare)) * 1000
}

function narinfoLatency(facts: Facts): Prediction {
  const { latency, core, isHere } = facts
  const work = narinfoWorkMs(facts)
  const value = latency.value + work
  const bound = latency.value >= work ? latency : part('a core', work, work)
  const way = isHere ? 'the loopback' : 'the link'
  return prediction({
    key: 'narinfoLatencyMs',
    title: 'narinfo from memory, median',
    value,
    unit: 'ms',
    boundBy: bound.name,
    parts: [latency, core.xzDecode],
    text: `A narinfo in memory takes ${ms(value)}, most of it ${bound === latency ? way : 'the work of the core'}.`,
    formula: `${ms(latency.value)} there and back (${latency.origin}) + ${workFormula(facts)} = ${ms(value)}`,
  })
}

function narinfoRate(facts: Facts): Prediction {
  const { core, link } = facts
  // The client's own work is about as much; on a single core it takes its half.
  const workMs = narinfoWorkMs(facts) * (facts.isShared ? 2 : 1)
  const own = { ...core.xzDecode, name: 'a core', value: 1000 / workMs }
  const wire = link && { ...link, value: link.value / figures.narinfoWireBytes.value }
  const bound = bottleneckOf(wire ? [own, wire] : [own])
  const overWire = wire
    ? `; the link carries ${formatByteSpeed(link.value)} / ${figures.narinfoWireBytes.value} bytes = ${count(wire.value)}`
    : ''
  return prediction({
    key: 'narinfosPerSecond',
    title: 'narinfos from memory, 25 connections',
    value: bound.value,
    unit: '1/s',
    boundBy: bound.name,
    parts: wire ? [core.xzDecode, wire] : [core.xzDecode],
    text: `${count(bound.value)} narinfos a second, bounded by ${bound.name}.`,
    formula: `1 / ${workFormula(facts)}${facts.isShared ? ' / 2, shared with the client' : ''} = ${count(own.value)}${overWire}`,
  })
}

/** Reading from the page cache, and sending: two copies where the loopback alone has one less. */
function sendPart({ core, coreShare }: Facts): Part {
  const { loopback } = core
  return {
    ...loopback,
    name: 'a core',
    value: loopback.value * figures.narSendShare.value * coreShare,
  }
}

function narRate(facts: Facts, from: 'memory' | 'disk'): Prediction {
  const send = sendPart(facts)
  const { link, core, disk } = facts
  const known = [link, from === 'disk' ? disk : undefined].filter((one) => one !== undefined)
  const parts = [send, ...known] as const
  const bound = bottleneckOf(parts)
  const isDiskUnknown = from === 'disk' && disk === undefined
  const share = facts.coreShare < 1 ? ` × ${facts.coreShare.toFixed(2)} of a core` : ''
  return prediction({
    key: from === 'memory' ? 'narBytesPerSecond' : 'narFromDiskBytesPerSecond',
    title: from === 'memory' ? 'NAR from memory, one reader' : 'NAR from the disk, one reader',
    value: bound.value,
    unit: 'bytes/s',
    boundBy: bound.name,
    parts,
    // An unknown disk may be the slowest of all.
    isGuess: isDiskUnknown,
    text: `A NAR that is ${from === 'memory' ? 'in the page cache' : 'read from the disk'} comes with ${formatByteSpeed(bound.value)}, bounded by ${bound.name}${isDiskUnknown ? '; how fast the disk is, is not known' : ''}.`,
    formula: `min(${formatByteSpeed(core.loopback.value)} loopback (${core.loopback.origin}) × ${figures.narSendShare.value}${share} = ${formatByteSpeed(send.value)}${known.map(clause).join('')})`,
  })
}

function coldRate(facts: Facts): Prediction {
  const { link, diskWrite, upstream, core, coreShare } = facts
  const send = sendPart(facts).value
  // Received, hashed, written, read and sent by one thread, the first and last at the rate of sending.
  const value = 1 / (2 / send + 1 / (core.sha256.value * coreShare))
  const own: Part = { ...part('a core', value, value), ...origins([core.loopback, core.sha256]) }
  const known = [upstream, link, diskWrite].filter((one) => one !== undefined)
  const parts = [own, ...known] as const
  const bound = bottleneckOf(parts)
  return prediction({
    key: 'coldNarBytesPerSecond',
    title: 'NAR fetched for the first time, one reader',
    value: bound.value,
    unit: 'bytes/s',
    boundBy: bound.name,
    parts,
    isGuess: upstream === undefined || diskWrite === undefined,
    text: `A NAR that has to be fetched comes with ${formatByteSpeed(bound.value)}, bounded by ${bound.name}${upstream ? '' : ', if the line to the upstream gives as much'}.`,
    formula: `min(1 / (2 / ${formatByteSpeed(send)} + 1 / ${formatByteSpeed(core.sha256.value * coreShare)} SHA-256) = ${formatByteSpeed(value)}${known.map(clause).join('')})`,
  })
}

/** xz unpacked, hashed and packed with zstd, one after the other in one thread. */
function recompression({ core, coreShare, xzPackedShare }: Facts): Prediction[] {
  const { xzDecode, sha256, zstdEncode } = core
  const steps = [xzDecode, sha256, zstdEncode] as const
  const handed = figures.repackShare.value
  const unpacked = (handed * coreShare) / steps.reduce((sum, { value }) => sum + 1 / value, 0)
  const input = unpacked * xzPackedShare
  const bound = bottleneckOf(steps)
  const quota = coreShare < 1 ? ` × ${coreShare.toFixed(2)} of a core` : ''
  const sum = steps.map(({ value }) => `1/${formatByteSpeed(value)}`).join(' + ')
  const unpackedFormula = `${handed} / (${sum})${quota} = ${formatByteSpeed(unpacked)} unpacked (xz, SHA-256, zstd, ${core.xzDecode.origin})`
  const seconds = GiB / input
  return [
    prediction({
      key: 'recompressBytesPerSecond',
      title: 'xz packed anew by a worker, xz read',
      value: input,
      unit: 'bytes/s',
      boundBy: bound.name,
      parts: steps,
      text: `A worker packs ${formatByteSpeed(input)} of xz anew, bounded by ${bound.name}.`,
      formula: `${unpackedFormula}; × ${Number(xzPackedShare.toFixed(2))} = ${formatByteSpeed(input)} of xz`,
    }),
    prediction({
      key: 'recompressGibSeconds',
      title: 'time to pack a GiB of xz anew',
      value: seconds,
      unit: 's',
      boundBy: bound.name,
      parts: steps,
      text: `A GiB of xz takes a worker ${duration(seconds)} when the machine is idle.`,
      formula: `1 GiB / ${formatByteSpeed(input)} = ${Math.round(seconds)} s`,
    }),
  ]
}

interface Draft extends Omit<Prediction, 'isMeasured' | 'statement'> {
  readonly parts: readonly Part[]
  readonly text: string
  readonly formula: string
  readonly isGuess?: boolean
}

function prediction({ parts, text, formula, isGuess = false, ...rest }: Draft): Prediction {
  const isMeasured = !isGuess && parts.every((one) => one.isMeasured)
  const source = isMeasured ? ours : `${ours}; assumed where nothing was measured`
  return { ...rest, isMeasured, statement: { text, formula, source, check } }
}

function origins(parts: readonly Part[]): Pick<Part, 'isMeasured' | 'origin'> {
  const isMeasured = parts.every((one) => one.isMeasured)
  return { isMeasured, origin: isMeasured ? 'measured' : 'assumed' }
}

function workFormula(facts: Facts): string {
  const { core, coreShare } = facts
  const quota = coreShare < 1 ? ` × ${coreShare.toFixed(2)} of a core` : ''
  return `${figures.narinfoWorkBytes.value} bytes / ${formatByteSpeed(core.xzDecode.value)} of xz (${core.xzDecode.origin})${quota} = ${ms(narinfoWorkMs(facts))} of work`
}

function clause({ name, value, origin }: Part): string {
  return `, ${name} ${formatByteSpeed(value)} (${origin})`
}

function ms(value: number): string {
  return `${value < 1 ? value.toFixed(3) : value.toFixed(1)} ms`
}

function count(value: number): string {
  return value < 10_000 ? `${Math.round(value)}/s` : `${Math.round(value / 1000)} 000/s`
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  const minutes = seconds / 60
  return minutes < 120 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`
}
