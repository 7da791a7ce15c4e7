import fc from 'fast-check'
import { expect, test } from 'vitest'
import { relativeCoreSpeed } from '../../src/advice/core-speed.ts'
import { describedMachine } from '../../src/advice/described-machine.ts'
import { figures } from '../../src/advice/figures.ts'
import type { Link, Machine, Measured } from '../../src/advice/machine.ts'
import {
  type PredictionKey,
  type PredictOptions,
  predict,
  predictionOf,
} from '../../src/advice/predict.ts'
import { machines } from '../support/machines.ts'

const measured: Measured = {
  diskReadBytesPerSecond: 500e6,
  diskWriteBytesPerSecond: 400e6,
  xzDecodeBytesPerSecond: 40e6,
  zstdEncodeBytesPerSecond: 200e6,
  sha256BytesPerSecond: 2e9,
  loopbackBytesPerSecond: 3e9,
  loopbackLatencyMs: 0.05,
}
const gigabit: Partial<Link> = { name: 'eth0', kind: 'ethernet', bitsPerSecond: 1e9 }
const whole = describedMachine({
  cpu: { cores: 4, maxMegahertz: 3500 },
  disks: [{ kind: 'ssd' }],
  links: [gigabit],
  measured,
})

const ask = (machine: Machine, key: PredictionKey, options?: PredictOptions) =>
  predictionOf(predict(machine, options), key)

test('a narinfo takes the way there and back, and the work of the core', () => {
  const here = ask(whole, 'narinfoLatencyMs', { client: 'here' })
  const workMs = (figures.narinfoWorkBytes.value / 40e6) * 1000
  expect(here.value).toBeCloseTo(0.05 + workMs, 6)
  expect(here).toMatchObject({ boundBy: 'the loopback', isMeasured: true, unit: 'ms' })
  expect(here.statement.formula).toBe(
    '0.050 ms there and back (measured) + 650 bytes / 40 MB/s of xz (measured) = 0.016 ms of work = 0.066 ms',
  )
  const elsewhere = ask(whole, 'narinfoLatencyMs')
  expect(elsewhere.value).toBeCloseTo(figures.ethernetLatencyMs.value + workMs, 6)
  expect(elsewhere).toMatchObject({ boundBy: 'the link', isMeasured: false })
  expect(elsewhere.statement.source).toContain('assumed where nothing was measured')
})

test('over WiFi a narinfo takes longer, and a measured way counts more than its kind', () => {
  const wifi = describedMachine({ ...whole, links: [{ kind: 'wifi', bitsPerSecond: 300e6 }] })
  expect(ask(wifi, 'narinfoLatencyMs').value).toBeGreaterThan(figures.wifiLatencyMs.value)
  const known = describedMachine({ ...wifi, measured: { ...measured, linkLatencyMs: 2 } })
  expect(ask(known, 'narinfoLatencyMs')).toMatchObject({ isMeasured: true })
  expect(ask(known, 'narinfoLatencyMs').value).toBeCloseTo(2.016, 3)
})

test('on a slow core the work outweighs the way', () => {
  const slow = describedMachine({
    ...whole,
    measured: { ...measured, xzDecodeBytesPerSecond: 1e6 },
  })
  expect(ask(slow, 'narinfoLatencyMs', { client: 'here' }).boundBy).toBe('a core')
})

test('narinfos a second are bounded by the core, or by a thin link', () => {
  expect(ask(whole, 'narinfosPerSecond', { client: 'here' })).toMatchObject({ boundBy: 'a core' })
  expect(ask(whole, 'narinfosPerSecond', { client: 'here' }).value).toBeCloseTo(
    40e6 / figures.narinfoWorkBytes.value,
    0,
  )
  const thin = describedMachine({ ...whole, links: [{ ...gigabit, bitsPerSecond: 1e8 }] })
  const bound = ask(thin, 'narinfosPerSecond')
  expect(bound.boundBy).toBe('the link')
  expect(bound.value).toBeCloseTo((1e8 * 0.9415) / 8 / figures.narinfoWireBytes.value, 0)
})

test('a client on the only core takes half of it', () => {
  const { loopbackBytesPerSecond: _, ...rest } = measured
  const one = describedMachine({ ...whole, cpu: { cores: 1, maxMegahertz: 3500 }, measured: rest })
  expect(ask(one, 'narinfosPerSecond', { client: 'here' }).value).toBeCloseTo(
    40e6 / 2 / figures.narinfoWorkBytes.value,
    0,
  )
  expect(ask(one, 'narinfosPerSecond').value).toBeCloseTo(40e6 / figures.narinfoWorkBytes.value, 0)
})

test('a NAR comes as fast as the least of core, link and disk lets it', () => {
  expect(ask(whole, 'narBytesPerSecond', { client: 'here' })).toMatchObject({
    value: 3e9 * figures.narSendShare.value,
    boundBy: 'a core',
  })
  expect(ask(whole, 'narBytesPerSecond')).toMatchObject({ boundBy: 'the link', value: 117_687_500 })
  expect(ask(whole, 'narFromDiskBytesPerSecond', { client: 'here' })).toMatchObject({
    boundBy: 'the disk',
    value: 500e6,
    isMeasured: true,
  })
  const card = describedMachine({ ...whole, disks: [{ kind: 'sd' }], measured: {} })
  expect(ask(card, 'narFromDiskBytesPerSecond')).toMatchObject({
    boundBy: 'the disk',
    value: figures.sdBytesPerSecond.value,
    isMeasured: false,
  })
})

test('what is not known bounds nothing, and is said', () => {
  const unknown = describedMachine({ cpu: { cores: 2 }, measured })
  const fromDisk = ask(describedMachine({ cpu: { cores: 2 } }), 'narFromDiskBytesPerSecond')
  expect(fromDisk.isMeasured).toBe(false)
  expect(fromDisk.statement.text).toContain('how fast the disk is, is not known')
  const cold = ask(unknown, 'coldNarBytesPerSecond')
  expect(cold).toMatchObject({ isMeasured: false })
  expect(cold.statement.text).toContain('if the line to the upstream gives as much')
})

test('a cold NAR is bounded by the line, the disk or the core, whichever is least', () => {
  const at = (upstreamBytesPerSecond: number, machine = whole) =>
    ask(machine, 'coldNarBytesPerSecond', { client: 'here', upstreamBytesPerSecond })
  expect(at(10e6)).toMatchObject({
    boundBy: 'the line to the upstream',
    value: 10e6,
    isMeasured: true,
  })
  expect(at(10e9)).toMatchObject({ boundBy: 'writing to the disk', value: 400e6 })
  const card = describedMachine({
    ...whole,
    disks: [{ kind: 'sd' }],
    measured: {
      ...measured,
      diskReadBytesPerSecond: undefined,
      diskWriteBytesPerSecond: undefined,
    },
  })
  expect(at(10e9, card).value).toBe(figures.sdBytesPerSecond.value * figures.slowWriteShare.value)
  const roomy = describedMachine({
    ...whole,
    measured: { ...measured, diskWriteBytesPerSecond: 5e9 },
  })
  expect(at(10e9, roomy).boundBy).toBe('a core')
  expect(at(10e9, roomy).value).toBeCloseTo(
    1 / (2 / (3e9 * figures.narSendShare.value) + 1 / 2e9),
    -3,
  )
})

test('packing anew is unpacking, hashing and packing in turn, and bounded by unpacking', () => {
  const unpacked = figures.repackShare.value / (1 / 40e6 + 1 / 2e9 + 1 / 200e6)
  const rate = ask(whole, 'recompressBytesPerSecond')
  expect(rate.value).toBeCloseTo(unpacked * figures.xzPackedShare.value, 0)
  expect(rate.boundBy).toBe('unpacking xz')
  const dense = ask(whole, 'recompressBytesPerSecond', { xzPackedShare: 0.5 })
  expect(dense.value).toBeCloseTo(unpacked / 2, 0)
  const time = ask(whole, 'recompressGibSeconds')
  expect(time.value).toBeCloseTo(2 ** 30 / rate.value, 6)
  expect(time.statement.text).toMatch(/A GiB of xz takes a worker \d+ min/)
})

test('half a core does half of it', () => {
  const half = describedMachine({ ...whole, cpu: { cores: 0.5, maxMegahertz: 3500 } })
  for (const key of ['recompressBytesPerSecond', 'narBytesPerSecond'] as const) {
    const options = { client: 'here' } as const
    expect(ask(half, key, options).value).toBeCloseTo(ask(whole, key, options).value / 2, 0)
  }
})

test('without measurements a core is judged by its clock, and half as fast where that is unknown', () => {
  const cpu = (maxMegahertz: number | undefined) => describedMachine({ cpu: { maxMegahertz } }).cpu
  expect(relativeCoreSpeed(cpu(undefined))).toBe(0.5)
  expect(relativeCoreSpeed(cpu(1750))).toBe(0.5)
  expect(relativeCoreSpeed(cpu(3500))).toBe(1)
  expect(relativeCoreSpeed(cpu(5500))).toBe(1)
})

test('instructions for SHA-256 count where it was not measured', () => {
  const cold = (features: string[]) =>
    ask(describedMachine({ cpu: { maxMegahertz: 3500, features } }), 'coldNarBytesPerSecond').value
  expect(cold(['sha_ni'])).toBeGreaterThan(cold([]))
  expect(cold(['sha2'])).toBe(cold(['sha_ni']))
})

test.each(Object.entries(machines))('says all of it for %s, with its arithmetic', (_, machine) => {
  for (const prediction of predict(machine)) {
    expect(prediction.value).toBeGreaterThan(0)
    expect(Number.isFinite(prediction.value)).toBe(true)
    const { text, formula, source, check } = prediction.statement
    for (const part of [text, formula, source, check]) expect(part).toBeTruthy()
    expect(`${text} ${formula}`).not.toMatch(/NaN|undefined|Infinity/)
  }
})

test('more of anything never makes a prediction worse', () => {
  const rate = fc.integer({ min: 1, max: 5000 }).map((megabytes) => megabytes * 1e6)
  const keys = [
    'diskReadBytesPerSecond',
    'diskWriteBytesPerSecond',
    'xzDecodeBytesPerSecond',
    'zstdEncodeBytesPerSecond',
    'sha256BytesPerSecond',
    'loopbackBytesPerSecond',
    'linkBytesPerSecond',
  ] as const
  const facts = fc.record(
    Object.fromEntries(keys.map((key) => [key, rate])) as Record<
      (typeof keys)[number],
      typeof rate
    >,
  )
  fc.assert(
    fc.property(
      facts,
      fc.constantFrom(...keys),
      fc.double({ min: 1, max: 10, noNaN: true }),
      fc.constantFrom('here' as const, 'elsewhere' as const),
      (given, key, factor, client) => {
        const at = (measured: Measured) =>
          predict(describedMachine({ cpu: { cores: 2 }, links: [gigabit], measured }), { client })
        const before = at(given)
        const after = at({ ...given, [key]: given[key] * factor })
        for (const [place, { unit, value }] of before.entries()) {
          const now = after[place]?.value ?? Number.NaN
          const isTime = unit === 'ms' || unit === 's'
          expect(isTime ? value - now : now - value).toBeGreaterThanOrEqual(-1e-9 * value)
        }
      },
    ),
  )
})
