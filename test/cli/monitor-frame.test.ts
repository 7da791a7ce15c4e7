import { expect, test } from 'vitest'
import { asciiGlyphs, blockGlyphs } from '../../src/cli/display/gauge.ts'
import { cleanAll, lineWidth, printLine } from '../../src/cli/display/text.ts'
import { drawFrame, type FrameLook } from '../../src/cli/monitor/frame.ts'
import { noHistory, remember } from '../../src/cli/monitor/history.ts'
import { plainLine } from '../../src/cli/monitor/plain-line.ts'
import { fitRows, row } from '../../src/cli/monitor/row.ts'
import type { Sample } from '../../src/cli/monitor/sample.ts'
import { hitPercentOf, ratesBetween } from '../../src/cli/monitor/server-rates.ts'
import { formatStatus } from '../../src/cli/status/format.ts'
import { readStatus } from '../../src/cli/status/read-status.ts'
import { busySample, busyStatus } from './monitor-sample.ts'

const plain = (_style: string, text: string) => text

function drawn(sample: Sample, look: Partial<FrameLook> & { columns: number }): string[] {
  const history = Array.from({ length: 50 }).reduce<typeof noHistory>(
    (history) => remember(history, sample),
    noHistory,
  )
  const lines = drawFrame(sample, history, { glyphs: blockGlyphs, everySeconds: 1, ...look })
  return lines.map((line) => printLine(line, plain))
}

test.each([
  [80, 24],
  [200, 50],
  [149, 40],
  [150, 24],
  [60, 15],
  [40, 8],
  [20, 3],
  [8, 1],
])('a frame is exactly %i columns by %i lines', (columns, rows) => {
  const sample = busySample()
  const lines = drawFrame(sample, remember(noHistory, sample), {
    ...{ columns, rows, glyphs: blockGlyphs, everySeconds: 1 },
  })
  expect(lines).toHaveLength(rows)
  for (const line of lines) expect(lineWidth(line)).toBe(columns)
})

test('80 columns by 24 lines show what matters most, of the server and of the machine', () => {
  const text = drawn(busySample(), { columns: 80, rows: 24 }).join('\n')
  expect(text).toMatch(/^── narwhal 0\.1\.0 ─+ degraded, up 3h 12m ──$/m)
  expect(text).toMatch(/^note +far\.example fell silent$/m)
  expect(text).toMatch(/^requests +1204\/s +█+ +99 % hits +90 % since the start$/m)
  expect(text).toMatch(/^sent +93 MiB\/s .* 4\.0 GiB in all, sending 2 now$/m)
  expect(text).toMatch(/^cache +█+.*░+ +31 GiB of 50 GiB, 12 GiB free$/m)
  expect(text).toMatch(/^ +far\.example DOWN +5 asked, 5 failed$/m)
  expect(text).toMatch(/^downloads 10 running, 2 waiting$/m)
  expect(text).toMatch(/^── this machine: attic ─+ load 1\.20 ──$/m)
  expect(text).toMatch(/^cpu +45 % .*steal 1 %, disk wait 2 %/m)
  expect(text).toMatch(/^memory +█+.* 1\.0 GiB of 4\.0 GiB available, pressure 0 %$/m)
  expect(text).toMatch(/^disk sda +75 % .*read 977 KiB\/s, write 29 MiB\/s/m)
  expect(text).toMatch(/^enp3s0 +78 % .*in 32 Mbit\/s, out 784 Mbit\/s, of 1000 Mbit\/s$/m)
  expect(text).toMatch(/q quits$/)
})

test('a wide screen shows both side by side, with charts, more downloads and the builds', () => {
  const lines = drawn(busySample(), { columns: 200, rows: 50 })
  expect(lines[0]).toMatch(/^── narwhal .* │ ── this machine: attic/)
  const text = lines.join('\n')
  expect(text).toContain('builds    2m ago   hello-2.12')
  expect(text).toContain('zram keeps 512 MiB in 128 MiB')
  expect(text).toContain('12.3k paths, 40 GiB')
  expect(text).toMatch(/3m ago: it broke off/)
  expect(text.match(/0{10}\d*….*nar\.xz/g)).toHaveLength(12)
  expect(text).toContain('ahead     6 NARs, 9.0 MiB; of 1.0 GiB so far 90 % were used')
  const repacked =
    'repacked  12 waiting, 48 done: 3.0 GiB → 2.0 GiB, 1 failed; pauses: clients wait'
  expect(text).toContain(repacked)
  expect(text).toMatch(/^ +requests +│ +processor/m)
  expect(text).toMatch(/100 %│/)
})

test('a single look takes as many lines as there are facts, and draws no curves', () => {
  const lines = drawFrame(busySample(), noHistory, { columns: 80, glyphs: asciiGlyphs })
  const text = lines.map((line) => printLine(line, plain)).join('\n')
  expect(text).toMatch(/^requests +1204\/s +99 % hits/m)
  expect(text.match(/nar\.xz/g)).toHaveLength(12)
  expect(text).not.toMatch(/[▁-█]|quits/)
  for (const line of lines) expect(lineWidth(line)).toBe(80)
})

const { recompress: packing } = busyStatus()

function shownOf(recompress: object): { status: string; monitor: string } {
  const look = { paint: plain, glyphs: blockGlyphs, now: 0 }
  const monitor = drawn(busySample({ recompress }), { columns: 100, rows: 60 }).join('\n')
  return { status: formatStatus(busyStatus({ recompress }), look), monitor }
}

test('the status tells what was fetched ahead, what was packed anew, and why it pauses', () => {
  const { status } = shownOf(packing)
  expect(status).toContain(
    [
      'ahead       40 NARs fetched ahead, 38 of them used (922 MiB of 1.0 GiB); 6 ahead now, 9.0 MiB',
      'recompress  on: 2 cores, 4.0 GiB',
      '            12 waiting, 48 done: 3.0 GiB → 2.0 GiB, 1 failed',
      '            pauses: clients wait for a download',
    ].join('\n'),
  )
})

test('a pause is told of only while something waits', () => {
  for (const shown of Object.values(shownOf({ ...packing, queued: 0 })))
    expect(shown).not.toContain('pauses')
})

test('where NARs stay as they are, status and monitor say why', () => {
  const off = { isOn: false, reason: 'off: recompress.enabled = false', queued: 12 }
  const { status, monitor } = shownOf(off)
  expect(status).toMatch(/^recompress {2}off: recompress\.enabled = false\ntrouble/m)
  expect(monitor).toMatch(/^repacked {2}off: recompress\.enabled = false$/m)
  expect(shownOf({ ...off, done: 48 }).monitor).toMatch(/12 waiting, 48 done.*; off: recompress/)
})

test('a server that says nothing of recompression is not made to', () => {
  const { status, monitor } = shownOf({})
  expect(status).toMatch(/^recompress {2}unknown$/m)
  expect(monitor).not.toContain('repacked')
})

test('without a server the machine is shown, and why there is no server', () => {
  const { server: _, ...machine } = busySample()
  const sample = { ...machine, server: { url: 'http://x:1', fault: 'connection refused' } }
  const text = drawn(sample, { columns: 80, rows: 24 }).join('\n')
  expect(text).toMatch(/^── narwhal ─+ away ──$/m)
  expect(text).toMatch(/^server +connection refused$/m)
  expect(text).toMatch(/^builds +2m ago +hello-2\.12$/m)
  expect(plainLine(sample)).toContain('no narwhal: connection refused')
})

test('what the system does not tell is left out', () => {
  const host = { name: 'x', pressure: {}, disks: [], interfaces: [] }
  const text = drawn({ ...busySample(), host }, { columns: 80, rows: 40 }).join('\n')
  expect(text).not.toMatch(/^(cpu|swap|disk|net|tcp|nix store|builds)/m)
})

test('names from elsewhere cannot write to the terminal', () => {
  const evil = '\u001b[2J\u009b31m\r\n\u202e'
  const hostile = cleanAll(
    busySample({
      version: evil,
      notes: [{ code: 'x', message: evil }],
      upstreams: [{ name: evil, lastError: { code: evil, message: `!${evil}`, at: evil } }],
      downloads: [{ file: evil, receivedBytes: 1, bytes: 2, readers: 1, isWaiting: false }],
    }),
  )
  for (const [columns, rows] of [
    [80, 24],
    [200, 50],
  ] as const) {
    const text = drawn(hostile, { columns, rows }).join('')
    expect(text).not.toMatch(/[\p{C}]/u)
    expect(text).toContain('?[2J')
  }
  expect(plainLine(hostile)).not.toMatch(/[\p{C}]/u)
  const look = { paint: plain, glyphs: blockGlyphs, now: 0 }
  const status = busyStatus({ version: evil, addresses: [evil], upstreams: [{ name: evil }] })
  expect(formatStatus(status, look).replaceAll('\n', '')).not.toMatch(/[\p{C}]/u)
})

test('rows of the highest rank go first, the last before the others', () => {
  const rows = [row('a', [], 0), row('b', [], 2), row('c', [], 1), row('d', [], 2)]
  const kept = (height: number) =>
    fitRows(rows, height)
      .map(({ line }) => line[0]?.text.trim())
      .join('')
  expect([4, 3, 2, 1, 0].map(kept)).toEqual(['abcd', 'abc', 'ac', 'a', ''])
})

test('rates are what was counted between two readings, and none across a restart', () => {
  const before = busyStatus()
  const after = busyStatus({
    requests: {
      narinfo: { hit: 920, miss: 55, negative: 12, coalesced: 50 },
      nar: { hit: 50, miss: 10 },
    },
    sentBytes: { memory: 3000, disk: 2 ** 32 },
  })
  const rates = ratesBetween(before, after, 2)
  expect(rates).toMatchObject({ requestsPerSecond: 17.5, sentBytesPerSecond: 1000 })
  expect(rates?.byKind).toMatchObject({ narinfo: 12.5, nar: 5 })
  expect(rates?.byResult).toMatchObject({ hit: 15, miss: 2.5, negative: 0 })
  expect(hitPercentOf(before)).toBeCloseTo((940 / 1050) * 100)
  expect(ratesBetween(before, busyStatus({ startedAt: '2026-11-22T11:00:00.000Z' }), 2)).toBe(
    undefined,
  )
})

test('a status of another version is shown as far as it goes; what is none is refused', () => {
  const little = readStatus({ state: 'ready', uptimeSeconds: 1, upstreams: 'many', streams: '5' })
  expect(little).toMatchObject({ state: 'ready', upstreams: [], streams: 0, cache: { bytes: 0 } })
  for (const other of [undefined, null, 5, [], {}, { state: 'ok', uptimeSeconds: 1 }])
    expect(readStatus(other)).toBe(undefined)
})
