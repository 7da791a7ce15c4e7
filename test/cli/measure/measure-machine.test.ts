import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describedMachine } from '../../../src/advice/described-machine.ts'
import { measuredFigures } from '../../../src/advice/measured-figures.ts'
import { predict } from '../../../src/advice/predict.ts'
import { measureMachine, takeMeasurements } from '../../../src/cli/measure/measure-machine.ts'
import { MiB } from '../../../src/units.ts'
import { atTestEnd } from '../../support/at-test-end.ts'
import { syntheticCache } from '../../support/synthetic-cache.ts'
import { tempDir } from '../../support/temp-dir.ts'

const patience = 180_000
const quiet = new AbortController().signal

async function onDisk(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'narwhal-measure-'))
  atTestEnd(() => rm(directory, { recursive: true }))
  return directory
}

/** Processes of ours that measure. */
function measuring(): number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  return children
    .trim()
    .split(' ')
    .filter((pid) => pid !== '' && commandOf(pid).includes('measure-process'))
    .map(Number)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

test(
  'measures disk, core and loopback, in three rounds each and within its time',
  async () => {
    const directory = await onDisk()
    const doing: string[] = []
    const taken = await takeMeasurements(
      { directory, fileBytes: 24 * MiB, onProgress: (what) => doing.push(what) },
      quiet,
    )
    const keys = measuredFigures.map(({ key }) => key).filter((key) => !key.startsWith('link'))
    const readable = keys.filter((key) => !/^disk.*Read/.test(key))
    expect(keys).toEqual(expect.arrayContaining(Object.keys(taken.readings)))
    expect(Object.keys(taken.readings)).toEqual(expect.arrayContaining(readable))
    for (const [key, { median, rounds }] of Object.entries(taken.readings)) {
      expect(taken.measured[key as keyof typeof taken.measured]).toBe(median)
      expect(median).toBeGreaterThan(0)
      expect(rounds).toBe(3)
    }
    expect(taken.seconds).toBeLessThan(45)
    expect(doing).toEqual(expect.arrayContaining(['disk: writing', 'SHA-256', 'xz', 'loopback']))
    expect(readdirSync(directory)).toEqual([])
    // what it measured is what predictions are made of
    const machine = describedMachine({ measured: taken.measured })
    for (const prediction of predict(machine, { client: 'here' }))
      if (prediction.key.startsWith('recompress')) expect(prediction.isMeasured).toBe(true)
  },
  patience,
)

test(
  'ends at once when it is interrupted, its process too, and leaves nothing',
  async () => {
    const directory = await onDisk()
    const stop = new AbortController()
    let stoppedAt = Number.NaN
    const onProgress = () => {
      if (Number.isNaN(stoppedAt)) stoppedAt = performance.now()
      stop.abort(new Error('enough'))
    }
    await expect(measureMachine({ directory, onProgress }, stop.signal)).rejects.toThrow('enough')
    expect(performance.now() - stoppedAt).toBeLessThan(10_000)
    await expect.poll(measuring).toEqual([])
    expect(readdirSync(directory)).toEqual([])
  },
  patience,
)

test('does not begin when it is interrupted already', async () => {
  const directory = await onDisk()
  const options = { directory, onProgress: () => expect.unreachable() }
  await expect(measureMachine(options, AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
})

test(
  'a process that is killed costs what it had not measured yet, and is told',
  async () => {
    const directory = await onDisk()
    let killed = 0
    const onProgress = (what: string) => {
      if (what !== 'SHA-256') return
      for (const pid of measuring()) {
        process.kill(pid, 'SIGKILL')
        killed += 1
      }
    }
    const taken = await takeMeasurements({ directory, fileBytes: 3 * MiB, onProgress }, quiet)
    expect(killed).toBe(1)
    expect(taken.readings.diskWriteBytesPerSecond).toBeDefined()
    expect(taken.readings.xzDecodeBytesPerSecond).toBeUndefined()
    expect(taken.notes).toContain('Measuring ended early (SIGKILL).')
    expect(readdirSync(directory)).toEqual([])
  },
  patience,
)

test(
  'steps back for other work while it measures',
  async () => {
    const nice: number[] = []
    const stop = new AbortController()
    const onProgress = (what: string) => {
      if (what !== 'SHA-256') return
      for (const pid of measuring())
        nice.push(Number(execFileSync('ps', ['-o', 'ni=', '-p', String(pid)])))
      stop.abort()
    }
    const directory = await onDisk()
    const taken = takeMeasurements({ directory, fileBytes: 3 * MiB, onProgress }, stop.signal)
    await expect(taken).rejects.toThrow()
    expect(nice).toEqual([19])
  },
  patience,
)

test(
  'a directory that cannot be written to costs the figures of the disk alone',
  async () => {
    const taken = await takeMeasurements({ directory: '/nonexistent', rounds: 1 }, quiet)
    expect(taken.readings.diskWriteBytesPerSecond).toBeUndefined()
    expect(taken.readings.sha256BytesPerSecond).toBeDefined()
    expect(taken.notes.join()).toMatch(/Measuring the disk failed: ENOENT/)
    expect(taken.notes.join()).toContain('SHA-256 by a core: 1 of 3 rounds, too few')
  },
  patience,
)

/** An address of this machine that is not the loopback's. */
function ownAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flat()
    .find((one) => one && !one.internal && one.family === 'IPv4')?.address
}

async function serve(directory: string, host: string): Promise<URL> {
  const server = createServer(async ({ url = '' }, response) => {
    const bytes = await readFile(join(directory, url)).catch(() => undefined)
    if (bytes === undefined) response.writeHead(404).end()
    else response.end(bytes)
  })
  server.listen(0, host)
  await once(server, 'listening')
  atTestEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  return new URL(`http://${host}:${(server.address() as AddressInfo).port}`)
}

test(
  'measures the way to a cache, and says where it cannot',
  async ({ skip }) => {
    const address = ownAddress()
    if (address === undefined) return skip('this machine has no address but the loopback')
    const cache = await syntheticCache({ paths: 4, totalBytes: 3_000_000, compression: 'none' })
    const root = cache.infos.at(-1)?.storePath.hash
    const paths = root === undefined ? [] : [root]
    const directory = await tempDir('measure')
    const options = { directory, rounds: 3, paths }
    const url = await serve(cache.directory, address)
    const taken = await takeMeasurements({ ...options, against: url }, quiet)
    expect(taken.measured.linkBytesPerSecond).toBeGreaterThan(1e6)
    expect(taken.measured.linkLatencyMs).toBeGreaterThan(0)
    const here = await serve(cache.directory, '127.0.0.1')
    const loop = await takeMeasurements({ ...options, rounds: 1, against: here }, quiet)
    expect(loop.measured.linkBytesPerSecond).toBeUndefined()
    expect(loop.notes.join()).toContain('is on this machine: there is no link to measure')
    const nobody = await takeMeasurements(
      { ...options, rounds: 1, against: new URL(`http://${address}:1`) },
      quiet,
    )
    expect(nobody.notes.join()).toMatch(/Measuring the link failed/)
  },
  patience,
)
