import { spawnSync } from 'node:child_process'
import { appendFile, readdir, readFile, truncate } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { Worker } from 'node:worker_threads'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { CheckOrder, CheckReport } from '../../src/codec/check-messages.ts'
import { CheckThread } from '../../src/codec/check-thread.ts'
import { type RepackerOptions, type Repacking, startRepacker } from '../../src/codec/nar-repack.ts'
import { maxInFlightBytes } from '../../src/codec/outlet.ts'
import { MiB } from '../../src/units.ts'
import { testWith } from '../support/programs.ts'
import { digestOf, joined } from './arrival.ts'
import { claimOf, crashingWorker, openFiles, patience } from './nar-claim.ts'
import { binaryLike, flipped, pack, packables, unpackable } from './packed.ts'

const nar = binaryLike(400_000)
const level = 3
const sources = packables.filter(([compression]) => compression !== 'zstd')

describe.each(sources)('%s', (compression, programs) => {
  testWith([...programs, 'zstd'])('becomes zstd that unpacks to the same NAR', async () => {
    const file = pack(compression, nar)
    const packed = await packedOf(repacker(), await claimOf(nar, { compression, file }), file)
    expect(digestOf(byProgram(packed))).toBe(digestOf(nar))
    expect(digestOf(zstdDecompressSync(packed))).toBe(digestOf(nar))
  })

  testWith(programs)('becomes the same bytes however it arrives', async () => {
    const narRepacker = repacker()
    const file = pack(compression, nar)
    const whole = await packedOf(narRepacker, await claimOf(nar, { compression, file }), file)
    const fromNone = await packedOf(
      narRepacker,
      await claimOf(nar, { compression: 'none', file: nar }),
      nar,
    )
    expect(digestOf(whole)).toBe(digestOf(fromNone))
    for (const step of [file.length - 1, Math.ceil(file.length / 7), 9999]) {
      const request = await claimOf(nar, { compression })
      const growing = narRepacker.repack({ ...request, level })
      const taken = joined(growing.chunks)
      for (let at = 0; at < file.length; at += step) {
        await appendFile(request.path, file.subarray(at, at + step))
        growing.available(Math.min(at + step, file.length))
      }
      growing.finish(file.length)
      expect(digestOf(await taken), `file in steps of ${step}`).toBe(digestOf(whole))

      const fed = narRepacker.repack({ ...(await claimOf(nar, { compression })), level })
      const fedTaken = joined(fed.chunks)
      for (let at = 0; at < file.length; at += step)
        await fed.feed(new Uint8Array(file.subarray(at, at + step)))
      fed.finish(file.length)
      expect(digestOf(await fedTaken), `fed in steps of ${step}`).toBe(digestOf(whole))
    }
  })

  testWith(programs)('damaged ends in CORRUPT', async () => {
    const file = pack(compression, nar)
    const narRepacker = repacker()
    for (const at of [0, file.length >> 1, file.length - 1]) {
      const request = await claimOf(nar, { compression, file: flipped(file, at) })
      await expect(packedOf(narRepacker, request, file), `byte ${at}`).rejects.toMatchObject({
        code: 'CORRUPT',
      })
    }
  })
})

test.each([0, 1, 112])('packs a NAR of %d bytes', async (length) => {
  const small = nar.subarray(0, length)
  const request = await claimOf(small, { compression: 'none', file: small })
  const packed = await packedOf(repacker(), request, small)
  expect(zstdDecompressSync(packed).equals(small)).toBe(true)
})

testWith(['zstd'])('packs a NAR of 50 MB', async () => {
  const large = Buffer.concat(Array.from({ length: 125 }, (_, at) => flipped(nar, at)))
  const request = await claimOf(large, { compression: 'none', file: large })
  const packed = await packedOf(repacker(), request, large)
  expect(digestOf(byProgram(packed))).toBe(digestOf(large))
})

test.each([
  [-1, /unpacks to more than NarSize/],
  [1, /instead of NarSize/],
])('a NarSize that is off by %d is CORRUPT', async (lie, message) => {
  const file = pack('gzip', nar)
  const request = await claimOf(nar, { compression: 'gzip', file, narSize: nar.length + lie })
  await expect(packedOf(repacker(), request, file)).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringMatching(message),
  })
})

test('stops at the first byte too many, while the download still goes on', async () => {
  const bomb = pack('gzip', Buffer.alloc(256 * MiB))
  const request = await claimOf(nar, { compression: 'gzip', file: bomb })
  const repacking = repacker().repack({ ...request, level })
  repacking.available(bomb.length - 100)
  await expect(joined(repacking.chunks)).rejects.toMatchObject({ code: 'CORRUPT' })
  await openFiles(request.path, 0)
})

test('the wrong NAR of the right size never comes to its end', async () => {
  const other = flipped(nar, 200_000)
  const request = await claimOf(nar, { compression: 'none', file: other })
  const taken: Uint8Array[] = []
  const repacking = begin(repacker(), request, other)
  const all = (async () => {
    for await (const chunk of repacking.chunks) taken.push(chunk)
  })()
  await expect(all).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringMatching(/^its NarHash is sha256:\w{52} instead of sha256:\w{52}$/),
  })
  expect(() => zstdDecompressSync(Buffer.concat(taken))).toThrow()
})

test('holds back what is not taken, and lets others pass', async () => {
  const thread = new CheckThread({ isBackground: true })
  onTestFinished(() => thread.close())
  const file = noise(8 * MiB)
  const idle = await threadTask(thread, { id: 1, file, takes: false })
  const busy = await threadTask(thread, { id: 2, file, takes: true })
  expect(await busy.settled.promise).toEqual({ ok: true })
  expect(busy.bytes()).toBeGreaterThan(file.length)
  await expect.poll(idle.bytes, patience).toBeGreaterThan(maxInFlightBytes / 2)
  expect(idle.bytes()).toBeLessThanOrEqual(maxInFlightBytes)
  thread.taken(1, idle.bytes())
  await expect.poll(idle.bytes, patience).toBeGreaterThan(maxInFlightBytes)
})

test('cancelling frees the file and the slot, and the chunks throw', async () => {
  const narRepacker = repacker({ maxConcurrent: 1 })
  const file = noise(2 * MiB)
  const request = await claimOf(file, { compression: 'none', file })
  const cancelled = begin(narRepacker, request, file)
  await openFiles(request.path, 1)
  const taken = joined(cancelled.chunks)
  cancelled.cancel()
  cancelled.cancel()
  await expect(taken).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  await openFiles(request.path, 0)
  const next = await packedOf(narRepacker, { ...request }, file)
  expect(zstdDecompressSync(next).equals(file)).toBe(true)
})

test('cancelling one that nobody takes from frees it too', async () => {
  const file = noise(8 * MiB)
  const request = await claimOf(file, { compression: 'none', file })
  const untaken = begin(repacker(), request, file)
  await openFiles(request.path, 1)
  untaken.cancel()
  await openFiles(request.path, 0)
})

test('a job that waits for room ends when it is cancelled', async () => {
  const worker = new Worker(new URL('../../src/codec/check-worker.ts', import.meta.url))
  onTestFinished(async () => void (await worker.terminate()))
  const reports: CheckReport[] = []
  worker.on('message', (report: CheckReport) => reports.push(report))
  const file = noise(2 * MiB)
  const work = { ...(await claimOf(file, { compression: 'none', file })), pack: { level } }
  const progress = { bytes: file.length, isComplete: true }
  worker.postMessage({ kind: 'start', id: 1, work, progress } satisfies CheckOrder)
  const packedBytes = () =>
    reports.reduce((sum, report) => sum + (report.kind === 'packed' ? report.chunk.length : 0), 0)
  await expect.poll(packedBytes, patience).toBeGreaterThan(maxInFlightBytes - 150_000)
  worker.postMessage({ kind: 'cancel', id: 1 } satisfies CheckOrder)
  await expect
    .poll(() => reports.at(-1), patience)
    .toMatchObject({ kind: 'fault', code: 'CHECK_FAILED' })
})

test('leaving the chunks early cancels', async () => {
  const narRepacker = repacker()
  const file = noise(8 * MiB)
  const request = await claimOf(file, { compression: 'none', file })
  for await (const chunk of begin(narRepacker, request, file).chunks) {
    expect(chunk.length).toBeGreaterThan(0)
    break
  }
  await openFiles(request.path, 0)
})

test('a file that is absent, or shorter than said, is a fault of the disk', async () => {
  const narRepacker = repacker()
  const absent = await claimOf(nar, { compression: 'none' })
  await expect(packedOf(narRepacker, absent, nar)).rejects.toMatchObject({ code: 'DISK' })
  const short = await claimOf(nar, { compression: 'none', file: nar })
  await truncate(short.path, 1000)
  await expect(packedOf(narRepacker, short, nar)).rejects.toMatchObject({ code: 'DISK' })
})

test.each(['throws', 'exits'])(
  'a thread that %s fails its own jobs, and the next gets another thread',
  async (name) => {
    const narRepacker = repacker({ script: crashingWorker })
    const compression = 'none' as const
    const doomed = await claimOf(nar, { compression, file: nar })
    const growing = narRepacker.repack({ ...doomed, level })
    growing.available(1000)
    const fatal = await claimOf(nar, { compression, file: nar, name })
    const fault = { code: 'CHECK_FAILED', message: expect.stringMatching(/thread died/) }
    const both = [joined(growing.chunks), packedOf(narRepacker, fatal, nar)]
    await Promise.all(both.map((one) => expect(one).rejects.toMatchObject(fault)))
    const packed = await packedOf(narRepacker, doomed, nar)
    expect(zstdDecompressSync(packed).equals(nar)).toBe(true)
  },
)

test('closing cancels what is under way and refuses more', async () => {
  const narRepacker = repacker()
  const request = await claimOf(nar, { compression: 'none', file: nar })
  const repacking = narRepacker.repack({ ...request, level })
  repacking.available(100)
  const taken = expect(joined(repacking.chunks)).rejects.toMatchObject({ code: 'CHECK_FAILED' })
  await openFiles(request.path, 1)
  await narRepacker.close()
  await taken
  expect(() => narRepacker.repack({ ...request, level })).toThrow(
    expect.objectContaining({ code: 'CHECK_FAILED' }),
  )
  await openFiles(request.path, 0)
})

test('what stands still ahead of clients holds up none of theirs, nor does one that stalls what is here', async () => {
  const narRepacker = repacker()
  const request = await claimOf(nar, { compression: 'none' })
  const standing = narRepacker.repack({ ...request, level, isAhead: true })
  await standing.feed(new Uint8Array(nar.subarray(0, 1000)))
  const large = noise(4 * MiB)
  const fed = async (isHere: boolean) => {
    const repacking = narRepacker.repack({
      ...(await claimOf(large, { compression: 'none' })),
      level,
    })
    const taken = joined(repacking.chunks)
    if (isHere) repacking.whole()
    for (let at = 0; at < large.length; at += MiB)
      await repacking.feed(new Uint8Array(large.subarray(at, at + MiB)))
    repacking.finish(large.length)
    return taken
  }
  expect(zstdDecompressSync(await fed(false)).equals(large)).toBe(true)

  const stalling = narRepacker.repack({ ...request, level })
  await stalling.feed(new Uint8Array(nar.subarray(0, 1000)))
  expect(zstdDecompressSync(await fed(true)).equals(large)).toBe(true)
})

test('refuses zstd, which is packed already, and what it cannot unpack', async () => {
  const narRepacker = repacker()
  expect(sources.every(([compression]) => narRepacker.canRepack(compression))).toBe(true)
  for (const compression of ['zstd', unpackable] as const) {
    expect(narRepacker.canRepack(compression)).toBe(false)
    const request = await claimOf(nar, { compression, file: zstdCompressSync(nar) })
    expect(() => narRepacker.repack({ ...request, level })).toThrow(
      expect.objectContaining({ code: 'UNVERIFIABLE' }),
    )
  }
})

test.runIf(process.platform === 'linux')('only the thread that repacks steps back', async () => {
  // threads of the tests before may be on their way out
  await expect.poll(loweredThreads, patience).toBe(0)
  const narRepacker = repacker()
  const request = await claimOf(nar, { compression: 'gzip', file: pack('gzip', nar) })
  const repacking = narRepacker.repack({ ...request, level })
  repacking.available(100)
  await openFiles(request.path, 1)
  expect(await loweredThreads()).toBe(1)
})

function repacker(options: Partial<RepackerOptions> = {}) {
  const narRepacker = startRepacker({ workers: 1, ...options })
  onTestFinished(() => narRepacker.close())
  return narRepacker
}

type Request = Awaited<ReturnType<typeof claimOf>>

function begin(narRepacker: ReturnType<typeof startRepacker>, request: Request, file: Uint8Array) {
  const repacking: Repacking = narRepacker.repack({ ...request, level })
  repacking.finish(file.length)
  return repacking
}

/** @param file the complete file, for its length */
function packedOf(
  narRepacker: ReturnType<typeof startRepacker>,
  request: Request,
  file: Uint8Array,
): Promise<Buffer> {
  return joined(begin(narRepacker, request, file).chunks)
}

function byProgram(packed: Uint8Array): Buffer {
  const run = spawnSync('zstd', ['-dc'], { input: packed, maxBuffer: 2 ** 30 })
  expect(run.stderr.toString()).toBe('')
  return run.stdout
}

/** Bytes that no compression makes much smaller. Always the same. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let seed = 1
  for (let at = 0; at < length; at += 4) {
    seed = (Math.imul(seed ^ (seed >>> 15), 2246822519) + 3266489917) >>> 0
    bytes.writeUInt32LE(seed, at)
  }
  return bytes
}

/** Starts packing a complete file in a thread, taking every chunk or none. */
async function threadTask(
  thread: CheckThread,
  { id, file, takes }: { id: number; file: Uint8Array; takes: boolean },
) {
  const settled = Promise.withResolvers<unknown>()
  let bytes = 0
  const request = await claimOf(file, { compression: 'none', file })
  thread.start({
    id,
    work: { ...request, pack: { level } },
    progress: { bytes: file.length, isComplete: true },
    givesAway: true,
    takeFed: () => undefined,
    packed(chunk) {
      bytes += chunk.length
      if (takes) thread.taken(id, chunk.length)
    },
    settle: settled.resolve,
  })
  return { settled, bytes: () => bytes }
}

/** Threads of this process that have stepped back. */
async function loweredThreads(): Promise<number> {
  const own = getPriority()
  return (await nicenessOfThreads()).filter((niceness) => niceness > own).length
}

/** proc(5): the field "nice" is the 19th, the 17th behind the name, which may hold anything. */
async function nicenessOfThreads(): Promise<number[]> {
  const threads = await readdir('/proc/self/task')
  const lines = await Promise.all(
    threads.map((thread) => readFile(`/proc/self/task/${thread}/stat`, 'utf8').catch(() => '')),
  )
  return lines.map((line) => Number(line.split(') ').at(-1)?.split(' ')[16]))
}
