import { readdirSync, statfsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { disksUnder, readDisks } from '../../../src/host/disk-activity.ts'
import { alignedBuffer, openDirectFile } from '../../../src/host/measure/direct-file.ts'
import { type DiskOrder, measureDisk, roomRefusal } from '../../../src/host/measure/disk.ts'
import { GiB, MiB } from '../../../src/units.ts'
import { atTestEnd } from '../../support/at-test-end.ts'

/** Not the fast one in memory: a disk is needed. */
async function onDisk(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-measure-'))
  atTestEnd(() => rm(directory, { recursive: true }))
  return directory
}

const order = (directory: string, more: Partial<DiskOrder> = {}): DiskOrder => ({
  ...{ directory, rounds: 3, budgetMs: 1500, fileBytes: 24 * MiB },
  onProgress: () => undefined,
  signal: new AbortController().signal,
  ...more,
})

const hasDisk = (directory: string) => {
  const names = disksUnder(directory)
  return readDisks().some(({ name }) => names.includes(name))
}

test('measures the disk itself: what it read, the disk gave', async ({ skip }) => {
  const directory = await onDisk()
  if (!hasDisk(directory)) skip(`${directory} is on no disk the kernel counts for`)
  const bytesOf = () =>
    readDisks()
      .filter(({ name }) => disksUnder(directory).includes(name))
      .reduce((sum, { readBytes }) => sum + readBytes, 0)
  const before = bytesOf()
  // so much time that a busy disk has it for all rounds
  const { read, write, randomReads, notes } = await measureDisk(
    order(directory, { budgetMs: 60_000 }),
  )
  expect(notes).toEqual([])
  // the file was just written: from the page cache it would come without a disk
  expect(bytesOf() - before).toBeGreaterThanOrEqual(24 * MiB)
  for (const reading of [read, write, randomReads]) {
    expect(reading?.rounds).toBe(3)
    expect(reading?.median).toBeGreaterThan(0)
    expect(reading?.min).toBeLessThanOrEqual(reading?.max ?? 0)
  }
})

test('leaves nothing behind, whether it ends or is interrupted', async () => {
  const directory = await onDisk()
  await measureDisk(order(directory, { fileBytes: 3 * MiB }))
  expect(readdirSync(directory)).toEqual([])
  const stop = new AbortController()
  const names = new Set<string>()
  const interrupted = measureDisk(
    order(directory, {
      signal: stop.signal,
      onProgress: () => {
        for (const name of readdirSync(directory)) names.add(name)
        stop.abort(new Error('enough'))
      },
    }),
  )
  await expect(interrupted).rejects.toThrow('enough')
  // not even while it measures: the file has no name, so a kill leaves nothing either
  expect([...names]).toEqual([])
  expect(readdirSync(directory)).toEqual([])
})

test('keeps to its time on a slow disk', async () => {
  const directory = await onDisk()
  const start = performance.now()
  await measureDisk(order(directory, { budgetMs: 300, fileBytes: 256 * MiB }))
  // three measurements of 300 ms, each a round or a sync over at worst
  expect(performance.now() - start).toBeLessThan(6_000)
})

test('says that there is no disk beneath a filesystem in memory', async ({ skip }) => {
  const tmpfs = 0x01021994
  if (process.platform !== 'linux' || statfsSync('/dev/shm').type !== tmpfs) skip('no /dev/shm')
  const readings = await measureDisk(order('/dev/shm'))
  expect(readings).toEqual({ notes: ['/dev/shm lies in memory: there is no disk to measure.'] })
})

test('refuses where too little would stay free', async () => {
  const directory = await onDisk()
  const { bavail, bsize } = statfsSync(directory)
  const readings = await measureDisk(order(directory, { fileBytes: bavail * bsize }))
  expect(Object.keys(readings)).toEqual(['notes'])
  expect(readings.notes[0]).toMatch(/was not measured: .* are free, and measuring takes .*leaves/)
})

test.each([
  [256 * MiB + GiB, 10 * GiB, true],
  [256 * MiB + GiB - 1, 10 * GiB, false],
  [256 * MiB + 5 * GiB, 100 * GiB, true],
  [256 * MiB + 5 * GiB - 1, 100 * GiB, false],
])('with %d bytes free of %d it measures: %s', (freeBytes, totalBytes, mayMeasure) => {
  const refusal = roomRefusal({ freeBytes, totalBytes }, 256 * MiB)
  expect(refusal === undefined).toBe(mayMeasure)
})

test('a directory that is not there is told by the system', async () => {
  await expect(measureDisk(order('/nonexistent'))).rejects.toThrow('ENOENT')
})

test('a direct file takes aligned memory and has no name', async () => {
  const directory = await onDisk()
  using file = openDirectFile(directory, 'probe')
  expect(readdirSync(directory)).toEqual([])
  expect(file.descriptor).toBeGreaterThan(2)
  expect(alignedBuffer(100_000)).toHaveLength(100_000)
  const other = await onDisk()
  using taken = openDirectFile(other, 'probe')
  expect(taken.isDirect).toBe(file.isDirect)
})
