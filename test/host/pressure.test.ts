import { expect, test } from 'vitest'
import { readPressure } from '../../src/host/pressure.ts'
import { systemWith } from './fixture-tree.ts'

const stall = (avg10: string) => `some avg10=${avg10} avg60=1.00 avg300=2.00 total=3
full avg10=77.00 avg60=0.00 avg300=0.00 total=0
`

test('reads the share of the last 10 s in which some task waited', async () => {
  const roots = await systemWith({
    'proc/pressure/cpu': stall('33.65'),
    'proc/pressure/memory': stall('0.00'),
    'proc/loadavg': '2.25 1.45 1.24 3/155 9929\n',
  })
  expect(readPressure(roots)).toEqual({ cpuPercent: 33.65, memoryPercent: 0, loadAverage: 2.25 })
})

test('has the load average alone on a kernel without pressure', async () => {
  const roots = await systemWith({ 'proc/loadavg': '0.50 0.40 0.30 1/99 1\n' })
  expect(readPressure(roots)).toEqual({
    cpuPercent: undefined,
    memoryPercent: undefined,
    loadAverage: 0.5,
  })
})

test('says nothing of what is absent or odd', async () => {
  const nothing = { cpuPercent: undefined, memoryPercent: undefined, loadAverage: undefined }
  expect(readPressure(await systemWith({}))).toEqual(nothing)
  const odd = {
    'proc/pressure/cpu': 'some avg10=-1 avg60=0\n',
    'proc/pressure/memory': 'full avg10=1.00\n',
    'proc/loadavg': 'NaN 1 2\n',
  }
  expect(readPressure(await systemWith(odd))).toEqual(nothing)
})
