import { randomFillSync, randomInt } from 'node:crypto'
import { fdatasync, read, write } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { MeasuredReading } from '../../advice/measured-figures.ts'
import { formatSize, GiB, MiB } from '../../units.ts'
import { disksUnder, readDisks } from '../disk-activity.ts'
import { alignedBuffer, blockBytes, type DirectFile, openDirectFile } from './direct-file.ts'
import { takeRounds } from './rounds.ts'

export interface DiskOrder {
  readonly directory: string
  readonly rounds: number
  /** For each of the three measurements. */
  readonly budgetMs: number
  /** Of the file that is written and read. */
  readonly fileBytes: number
  readonly onProgress: (doing: string) => void
  readonly signal: AbortSignal
}

export interface DiskReadings {
  readonly read?: MeasuredReading
  readonly write?: MeasuredReading
  /** 4 KiB each, four at a time, within the file. */
  readonly randomReads?: MeasuredReading
  /** What was not measured, and why. */
  readonly notes: readonly string[]
}

/** The most it takes of a disk. */
export const maxFileBytes = 256 * MiB

/** As many as libuv has threads: more in flight would wait there. */
const inFlight = 4
const pieceBytes = MiB
/** Without O_DIRECT what was written waits in memory; so much of it can be written in the time. */
const dirtyBytes = 4 * MiB
/** What must stay free: a disk that runs full takes more down than a measurement is worth. */
const minFreeBytes = GiB
const minFreeShare = 0.05
/** Filesystems in memory, by statfs(2): tmpfs, ramfs. */
const inMemory = new Set([0x01021994, 0x858458f6])
/** ZFS takes O_DIRECT and may answer from its own cache all the same. */
const zfs = 0x2fc12fc1

const writeAt = promisify(write)
const readAt = promisify(read)
const syncData = promisify(fdatasync)

/**
 * Why nothing may be written: too little would stay free.
 *
 * @returns undefined when there is room
 */
export function roomRefusal(
  { freeBytes, totalBytes }: { readonly freeBytes: number; readonly totalBytes: number },
  fileBytes: number,
): string | undefined {
  const floorBytes = Math.max(minFreeBytes, totalBytes * minFreeShare)
  if (freeBytes - fileBytes >= floorBytes) return undefined
  return `${formatSize(freeBytes)} are free, and measuring takes ${formatSize(fileBytes)} for a moment and leaves ${formatSize(Math.round(floorBytes))}`
}

/**
 * Measures the disk that holds a directory with a file of its own: written with fdatasync(2), read
 * past the page cache. The file has no name, so its room is free again however this ends.
 *
 * @throws the system's error when the directory cannot be written to
 */
export async function measureDisk(order: DiskOrder): Promise<DiskReadings> {
  const { directory, fileBytes } = order
  const space = await statfs(directory)
  if (inMemory.has(space.type))
    return { notes: [`${directory} lies in memory: there is no disk to measure.`] }
  const freeBytes = space.bavail * space.bsize
  const refusal = roomRefusal({ freeBytes, totalBytes: space.blocks * space.bsize }, fileBytes)
  if (refusal !== undefined)
    return { notes: [`The disk of ${directory} was not measured: ${refusal}.`] }
  using file = openDirectFile(directory, `.narwhal-measure-${process.pid}-${randomInt(2 ** 40)}`)
  const buffers = Array.from({ length: inFlight }, () => {
    // What compresses or repeats would be cheaper for some disks.
    return randomFillSync(alignedBuffer(pieceBytes))
  })
  const run: Run = { ...order, file, buffers, writtenBytes: 0 }
  order.onProgress('disk: writing')
  const written = await takeRounds((round) => writeRound(run, round), order)
  if (!file.isDirect)
    return {
      write: written,
      notes: [
        `The filesystem of ${directory} refuses O_DIRECT: reads would come from memory, so they were not measured.`,
      ],
    }
  if (space.type === zfs)
    return {
      write: written,
      notes: [`ZFS may answer reads of ${directory} from memory, so they were not measured.`],
    }
  return { write: written, ...(await measureReads(run)) }
}

interface Run extends DiskOrder {
  readonly file: DirectFile
  /** One for each read or write that is under way. */
  readonly buffers: readonly Buffer[]
  writtenBytes: number
}

async function measureReads(run: Run): Promise<Omit<DiskReadings, 'write'>> {
  const { directory } = run
  const disks = new Set(disksUnder(directory))
  const before = readBytesOf(disks)
  let bytes = 0
  run.onProgress('disk: reading')
  const sequential = await takeRounds(async (round) => {
    const { rate, readBytes } = await readRound(run, round)
    bytes += readBytes
    return rate
  }, run)
  run.onProgress('disk: reading at random')
  const random = await takeRounds(async () => {
    const { rate, reads } = await randomRound(run)
    bytes += reads * blockBytes
    return rate
  }, run)
  const after = readBytesOf(disks)
  // The kernel counts what the disk itself gave; far less means that something else answered.
  if (before !== undefined && after !== undefined && after - before < bytes / 2)
    return { notes: [`Reads of ${directory} came from a cache, so they were not measured.`] }
  return { read: sequential, randomReads: random, notes: [] }
}

/** @returns undefined where the kernel does not count for these disks */
function readBytesOf(disks: ReadonlySet<string>): number | undefined {
  const readings = readDisks().filter(({ name }) => disks.has(name))
  return readings.length === 0
    ? undefined
    : readings.reduce((sum, { readBytes }) => sum + readBytes, 0)
}

/** Each round has a part of the file to itself, and a part of the time. */
function partOf({ fileBytes, rounds }: Run, round: number): { start: number; end: number } {
  const partBytes = Math.floor(fileBytes / rounds / pieceBytes) * pieceBytes
  return { start: round * partBytes, end: (round + 1) * partBytes }
}

function deadlineOf({ budgetMs, rounds }: Run): number {
  return performance.now() + budgetMs / rounds
}

async function writeRound(run: Run, round: number): Promise<number> {
  const { file } = run
  const { start, end } = partOf(run, round)
  const deadline = deadlineOf(run)
  const begin = performance.now()
  let next = start
  let unsynced = 0
  await inLanes(run, async (buffer) => {
    randomFillSync(buffer, 0, blockBytes)
    if (next >= end || (next > start && performance.now() > deadline)) return false
    const position = next
    next += pieceBytes
    await writeAt(file.descriptor, buffer, 0, pieceBytes, position)
    unsynced += pieceBytes
    if (!file.isDirect && unsynced >= dirtyBytes) {
      unsynced = 0
      await syncData(file.descriptor)
    }
    return true
  })
  await syncData(file.descriptor)
  run.writtenBytes = Math.max(run.writtenBytes, next)
  return perSecond(next - start, begin)
}

async function readRound(run: Run, round: number): Promise<{ rate: number; readBytes: number }> {
  const { file, writtenBytes } = run
  const { start, end } = partOf(run, round)
  const deadline = deadlineOf(run)
  const begin = performance.now()
  // Where writing was slow, some parts were never filled: then the first is read again.
  const from = end <= writtenBytes ? start : 0
  const to = Math.min(from + (end - start), writtenBytes)
  let next = from
  let readBytes = 0
  await inLanes(run, async (buffer) => {
    if (next >= to || (next > from && performance.now() > deadline)) return false
    const position = next
    next += pieceBytes
    readBytes += (await readAt(file.descriptor, buffer, 0, pieceBytes, position)).bytesRead
    return true
  })
  return { rate: perSecond(readBytes, begin), readBytes }
}

async function randomRound(run: Run): Promise<{ rate: number; reads: number }> {
  const { file, writtenBytes } = run
  const deadline = Math.min(deadlineOf(run), performance.now() + 500)
  const begin = performance.now()
  const blocks = Math.floor(writtenBytes / blockBytes)
  let reads = 0
  await inLanes(run, async (buffer) => {
    if (performance.now() > deadline && reads > 0) return false
    const position = Math.floor(Math.random() * blocks) * blockBytes
    await readAt(file.descriptor, buffer, 0, blockBytes, position)
    reads += 1
    return true
  })
  return { rate: perSecond(reads, begin), reads }
}

/** Runs a step again and again, several at once, each with a buffer of its own, until it says no. */
async function inLanes(
  { buffers, signal }: Run,
  step: (buffer: Buffer) => Promise<boolean>,
): Promise<void> {
  let hasFailed = false
  const lane = async (buffer: Buffer) => {
    try {
      while (!hasFailed && (await step(buffer))) signal.throwIfAborted()
    } catch (error) {
      hasFailed = true
      throw error
    }
  }
  // The file may only be closed once nothing is under way in it.
  const ends = await Promise.allSettled(buffers.map(lane))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

function perSecond(count: number, begin: number): number {
  return count / ((performance.now() - begin) / 1000)
}
