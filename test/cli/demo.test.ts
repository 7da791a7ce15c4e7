import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { substituteClosure } from '../../src/cli/demo/client.ts'
import { type Closure, type ClosureOptions, writeClosure } from '../../src/cli/demo/closure.ts'
import { Line } from '../../src/cli/demo/line.ts'
import { formatReport } from '../../src/cli/demo/report.ts'
import type { DemoReport, Mode, Run, Way } from '../../src/cli/demo/runs.ts'
import { walk } from '../../src/cli/demo/walk.ts'
import { blockGlyphs } from '../../src/cli/display/gauge.ts'
import { generateSecretKey, keyRing } from '../../src/nix/signature.ts'
import { printStorePath } from '../../src/nix/store-path.ts'
import { MiB } from '../../src/units.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { edit, flipBit, status } from '../support/faults.ts'
import { freshNixClient } from '../support/nix-client.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

const secretKey = generateSecretKey('demo-test-1')

async function smallClosure(
  options: Partial<ClosureOptions> = {},
): Promise<{ directory: string; closure: Closure }> {
  const directory = await tempDir('closure')
  const closure = await writeClosure({
    ...{ directory, secretKey, paths: 25, totalBytes: MiB },
    ...options,
  })
  return { directory, closure }
}

async function serveClosure(options: Partial<ClosureOptions> = {}) {
  const { directory, closure } = await smallClosure(options)
  const upstream = await startFakeUpstream(directory)
  const substitute = (parallelNars = 1, key = closure.publicKey) =>
    substituteClosure({
      url: upstream.url,
      root: closure.root.hash,
      trusted: keyRing([key]),
      parallelNars,
    })
  return { closure, upstream, substitute }
}

test('the same seed makes the same closure, another seed another one', async () => {
  const texts = async (seed: number) => {
    const { directory } = await smallClosure({ seed })
    const names = (await readdir(directory, { recursive: true })).sort()
    const files = names.filter((name) => name !== 'nar')
    return Promise.all(files.map(async (name) => [name, await readFile(join(directory, name))]))
  }
  expect(await texts(7)).toEqual(await texts(7))
  expect(await texts(8)).not.toEqual(await texts(7))
})

test.each([1, 2, 3, 60, 200])('the root of %i paths reaches all of them', async (paths) => {
  const { closure } = await smallClosure({ paths, totalBytes: 4096, compression: 'none' })
  const byHash = new Map(closure.infos.map((info) => [info.storePath.hash, info]))
  const reached = new Set([closure.root.hash])
  for (const hash of reached)
    for (const path of byHash.get(hash)?.references ?? []) reached.add(path.hash)
  expect(reached.size).toBe(paths)
  expect(closure.infos.length).toBe(paths)
})

test('paths come after what they refer to, and some refer to themselves', async () => {
  const { closure } = await smallClosure({ paths: 60 })
  const seen = new Set<string>()
  let selfReferences = 0
  for (const { storePath, references } of closure.infos) {
    seen.add(storePath.hash)
    for (const path of references) expect(seen).toContain(path.hash)
    if (references.some((path) => path.hash === storePath.hash)) selfReferences += 1
  }
  expect(selfReferences).toBeGreaterThan(5)
  expect(selfReferences).toBeLessThan(55)
})

testWith(['nix', 'nix-store'])(
  'a real Nix substitutes the closure and finds it whole',
  async () => {
    const { directory, closure } = await smallClosure()
    const client = await freshNixClient({ trustedKeys: [closure.publicKey] })
    const root = printStorePath(closure.root, closure.storeDir)
    expect(await client.copyFrom(`file://${directory}`, root)).toMatchObject({ code: 0 })
    expect(await client.verify()).toMatchObject({ code: 0 })
    expect((await client.paths()).length).toBe(closure.infos.length)
  },
)

test.each(['none', 'gzip', 'zstd', 'br'] as const)(
  'the client substitutes a %s closure and asks for everything once',
  async (compression) => {
    const { closure, upstream, substitute } = await serveClosure({ compression })
    for (const parallelNars of [1, 16]) {
      upstream.forget()
      const tally = await substitute(parallelNars)
      const fileBytes = closure.infos.reduce((sum, info) => sum + (info.fileSize ?? 0), 0)
      expect(tally).toMatchObject({ narinfoRequests: 25, narRequests: 25 })
      expect(tally.receivedBytes).toBeGreaterThan(fileBytes)
      expect(upstream.count(/\.narinfo$/)).toBe(25)
      expect(upstream.count(/^\/nar\//)).toBe(25)
      expect(upstream.count()).toBe(51)
    }
  },
)

test('the client fetches a NAR only after those it refers to', async () => {
  const { closure, upstream, substitute } = await serveClosure()
  await substitute()
  const order = upstream.requests.map((request) => request.path)
  const placeOf = new Map(
    closure.infos.map((info) => [info.storePath.hash, order.indexOf(`/${info.url}`)]),
  )
  for (const { storePath, references } of closure.infos)
    for (const path of references.filter((other) => other.hash !== storePath.hash))
      expect(placeOf.get(path.hash)).toBeLessThan(placeOf.get(storePath.hash) as number)
})

test('the client takes nothing that is damaged, unsigned, foreign or missing', async () => {
  const { closure, upstream, substitute } = await serveClosure({ compression: 'none' })
  const narinfo = `/${closure.root.hash}.narinfo`
  const nar = `/${closure.infos.at(-1)?.url}`

  const spoilt = async (...script: Parameters<typeof upstream.script>) => {
    const live = upstream.script(...script)
    const refused = await substitute().catch((error: unknown) => error)
    live.stop()
    return refused
  }
  expect(await spoilt(nar, flipBit(200))).toMatchObject({ code: 'CORRUPT' })
  expect(await spoilt(nar, status(404))).toMatchObject({ code: 'UPSTREAM_STATUS' })
  expect(
    await spoilt(
      narinfo,
      edit((text) => text.replace(/^Sig: .*\n/m, '')),
    ),
  ).toMatchObject({
    code: 'UNTRUSTED',
  })
  const liar = edit((text) => text.replace(/^FileSize: .*$/m, 'FileSize: 1'))
  expect(await spoilt(narinfo, liar)).toMatchObject({ code: 'CORRUPT' })
  const stranger = generateSecretKey('demo-test-1').publicKey
  const foreign = `${stranger.name}:${Buffer.from(stranger.bytes).toString('base64')}`
  await expect(substitute(1, foreign)).rejects.toMatchObject({ code: 'UNTRUSTED' })
  await expect(substitute()).resolves.toMatchObject({ narRequests: 25 })
})

test('a walk keeps to its limit and visits what the visits find', async () => {
  let running = 0
  let most = 0
  const visited: number[] = []
  await walk([1], 3, async (item) => {
    running += 1
    most = Math.max(most, running)
    await new Promise(setImmediate)
    running -= 1
    visited.push(item)
    return item < 20 ? [2 * item, 2 * item + 1] : []
  })
  expect(most).toBe(3)
  expect(visited.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 39 }, (_, n) => n + 1))
})

const ways: readonly Way[] = ['direct', 'cold', 'warm', 'recompressed']
const recompressed = { nars: 9, bytesBefore: 4 * MiB, bytesAfter: MiB }

function reportOf(wallMs: Readonly<Record<Way, number>>): DemoReport {
  const runs = (['copy', 'realise'] as Mode[]).flatMap((mode) =>
    ways.map(
      (way): Run => ({
        ...{ mode, way, wallMs: wallMs[way], narinfoRequests: 9, narRequests: 9 },
        ...{ receivedBytes: way === 'recompressed' ? MiB : 4 * MiB },
        ...{ upstreamRequests: way === 'warm' ? 0 : 19, narsAhead: way === 'cold' ? 7 : 0 },
      }),
    ),
  )
  return {
    ...{ delayMs: 40, upstreamBytesPerSecond: 1e6, clientBytesPerSecond: 2e6 },
    ...{ paths: 9, narBytes: 5e6, runs },
    recompressed: { copy: recompressed, realise: recompressed },
  }
}

const look = { paint: plain, glyphs: blockGlyphs }

test('the report claims no more than the figures show', () => {
  const painted: string[] = []
  const paint = (style: string, text: string) => {
    if (style === 'green') painted.push(text)
    return text
  }
  const times = { direct: 1000, cold: 1020, warm: 100, recompressed: 50 }
  const text = formatReport(reportOf(times), { ...look, paint })
  expect(text).toMatch(/^ {2}cold +█+ +1\.02 s +1\.0 × +4\.0 MiB +19 asked$/m)
  expect(text).toMatch(/^ {2}warm +█+▏?░+ +0\.10 s +10\.0 × +4\.0 MiB +0 asked$/m)
  expect(text).toMatch(/^ {2}recompressed +█+.*░+ +0\.05 s +20\.0 × +1\.0 MiB +19 asked$/m)
  expect(text).toContain('at least 5.0 s from the upstream')
  expect(text).toContain('7 and 7 of 9 NARs were on their way')
  expect(text).toContain('the upstream is not asked')
  expect(text).toContain('packed 18 NARs with zstd: 8.0 MiB → 2.0 MiB')
  expect(painted.join('\n')).not.toContain('1.02 s')
  expect(painted.join('\n')).toContain('0.10 s')
})

test('the report fits a terminal of 80 columns', () => {
  const times = { direct: 99_999, cold: 99_999, warm: 99_999, recompressed: 99_999 }
  const report = { ...reportOf(times), delayMs: 4000, paths: 9999, narBytes: 900 * MiB }
  for (const line of formatReport(report, look).split('\n'))
    expect(line.length, line).toBeLessThanOrEqual(80)
})

test('where recompression was not finished, the report says why and claims nothing', () => {
  const report = reportOf({ direct: 1000, cold: 500, warm: 100, recompressed: 1 })
  const text = formatReport(
    {
      ...report,
      runs: report.runs
        .filter(({ way }) => way !== 'recompressed')
        .map((run) => ({ ...run, upstreamRequests: 2 })),
      recompressed: {
        copy: { ...recompressed, unfinishedBecause: '3 NARs still wait' },
        realise: recompressed,
      },
    },
    look,
  )
  expect(text).toContain('Not finished, so not shown: 3 NARs still wait.')
  expect(text).not.toContain('the upstream is not asked')
  expect(text).not.toMatch(/^ {2}recompressed +█/m)
})

test('a line carries no more than its bandwidth, whatever comes at the same time', async () => {
  const line = new Line(1e6)
  const pieces = Array.from({ length: 10 }, () => Buffer.alloc(10_000))
  const start = performance.now()
  const carried = await Promise.all(
    [1, 2].map(() => buffer(Readable.from(line.carry(Readable.from(pieces))))),
  )
  expect(performance.now() - start).toBeGreaterThan(195)
  for (const one of carried) expect(one.equals(Buffer.concat(pieces))).toBe(true)
})

test('the demo shows direct, cold, warm and recompressed, and leaves nothing behind', async () => {
  const directory = await tempDir('demo')
  const { code, stdout, stderr } = await runCommand(
    ['demo', '--json', '--paths', '20', '--delay', '5'],
    { env: { TMPDIR: directory } },
  )
  expect(stderr).not.toContain('error')
  expect(code).toBe(0)
  const report = JSON.parse(stdout) as DemoReport
  expect(report.runs.map(({ mode, way }) => `${mode} ${way}`)).toEqual(
    ['copy', 'realise'].flatMap((mode) => ways.map((way) => `${mode} ${way}`)),
  )
  for (const run of report.runs) {
    expect(run).toMatchObject({ narinfoRequests: 20, narRequests: 20 })
    const isKept = run.way === 'warm' || run.way === 'recompressed'
    if (isKept) expect(run.upstreamRequests).toBe(0)
    else expect(run.upstreamRequests).toBeGreaterThanOrEqual(40)
    if (run.way === 'cold') expect(run.narsAhead).toBeGreaterThan(0)
    const least = report.narBytes * (run.way === 'recompressed' ? 0.4 : 1)
    expect(run.receivedBytes).toBeGreaterThan(least)
    expect(run.receivedBytes).toBeLessThan(least * 1.5)
    const { upstreamBytesPerSecond, clientBytesPerSecond } = report
    const speed = isKept ? clientBytesPerSecond : upstreamBytesPerSecond
    expect(run.wallMs).toBeGreaterThan((least / speed) * 950)
  }
  for (const { nars, bytesBefore, bytesAfter } of Object.values(report.recompressed)) {
    expect(nars).toBe(20)
    expect(bytesAfter).toBeLessThan(bytesBefore * 0.6)
  }
  expect(await readdir(directory)).toEqual([])
})

test('an interrupted demo takes its files and its server with it', async () => {
  const directory = await tempDir('demo')
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const demo = spawn(process.execPath, [main, 'demo', '--paths', '20'], {
    env: { PATH: process.env.PATH ?? '', TMPDIR: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(demo, 'exit')
  for await (const line of createInterface(demo.stderr))
    if (line.includes('cold')) demo.kill('SIGINT')
  expect(await ended).toEqual([130, null])
  expect(await readdir(directory)).toEqual([])
  await expect.poll(() => processesThatName(directory)).toEqual([])
})

test('the demo refuses a count that is none', async () => {
  const { code, stderr } = await runCommand(['demo', '--paths', 'many'])
  expect(code).toBe(2)
  expect(stderr).toContain('whole number')
})

/** Command lines with `text` in them, from /proc; none where there is no /proc. */
async function processesThatName(text: string): Promise<string[]> {
  const names = await readdir('/proc').catch(() => [])
  const lines = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  return lines.filter((line) => line.includes(text))
}

function plain(_style: string, text: string): string {
  return text
}
