import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describedMachine } from '../../src/advice/described-machine.ts'
import { diskKinds, type Machine } from '../../src/advice/machine.ts'
import { readMachineFile } from '../../src/advice/machine-file.ts'
import { machines } from '../support/machines.ts'

/** Every mistake, as path and message. */
function mistakesIn(value: unknown): string[] {
  const reading = readMachineFile(JSON.stringify(value))
  return reading.ok ? [] : reading.mistakes.map(({ path, message }) => `${path} ${message}`)
}

function read(value: unknown): Machine {
  const reading = readMachineFile(JSON.stringify(value))
  if (!reading.ok) throw new Error(JSON.stringify(reading.mistakes))
  return describedMachine(reading.description)
}

test.each(Object.entries(machines))('%s comes back as it was written', (_name, machine) => {
  expect(read(machine)).toEqual(machine)
  expect(read({ source: 'this machine', machine })).toEqual(machine)
})

test('any machine comes back from JSON as it was, whatever is unknown of it', () => {
  const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const machine = fc.record(
    {
      cpu: fc.record({ model: maybe(fc.string()), cores: fc.integer({ min: 1, max: 256 }) }),
      memory: fc.record({ totalBytes: fc.integer({ min: 1 }), zramBytes: fc.nat() }),
      disks: fc.array(
        fc.record({
          kind: maybe(fc.constantFrom(...diskKinds)),
          freeInodeShare: maybe(share),
          mountOptions: fc.array(fc.string()),
        }),
      ),
      troubles: fc.record({ oomKills: maybe(fc.nat()), memoryPressure: maybe(share) }),
    },
    { requiredKeys: ['memory'] },
  )
  fc.assert(
    fc.property(machine, (description) => {
      const described = describedMachine(description)
      expect(read(described)).toEqual(described)
    }),
  )
})

test('what is left out or null is unknown; cores alone are assumed', () => {
  const machine = read({ memory: { totalBytes: 2 ** 31 }, cpu: { model: null } })
  expect(machine).toMatchObject({
    cpu: { model: undefined, cores: 2, threads: 2, throttledCount: undefined },
    memory: { totalBytes: 2 ** 31, availableBytes: undefined },
    troubles: { oomKills: undefined, memoryPressure: undefined },
    disks: [],
    links: [],
    measured: {},
  })
  expect(read({ memory: { totalBytes: 2 ** 31 }, cpu: { threads: 8 } }).cpu.cores).toBe(8)
  expect(read({ memory: { totalBytes: 2 ** 31 }, cpu: { cores: 1.5 } }).cpu.threads).toBe(2)
})

test('every mistake is named at once, with the way to it', () => {
  const mistakes = mistakesIn({
    cpu: { cores: 0, threads: 1.5, features: 'aes', modle: 'x' },
    memory: { totalBytes: '4G', availableBytes: -1 },
    disks: [{ kind: 'hdd' }, { kind: 'floppy', mountOptions: [1], freeInodeShare: 1.1 }, 7],
    links: { name: 'eth0' },
    system: { nixSettings: { cores: 4 }, isNixos: 'yes' },
    troubles: { memoryPressure: 12, oomKills: 0.5 },
    measured: { linkLoss: 2, diskReadBytesPerSecond: -1 },
    'odd name': 1,
  })
  expect(mistakes).toEqual([
    '.["odd name"] nobody knows this name',
    '.cpu.modle nobody knows this name; did you mean model?',
    '.cpu.cores must be a number above 0, not 0',
    '.cpu.threads must be a whole number from 1, not 1.5',
    '.cpu.features must be a list of texts, not "aes"',
    '.memory.totalBytes must be a whole number of bytes, not "4G"',
    '.memory.availableBytes must be a whole number of bytes, not -1',
    '.disks[1].kind must be one of hdd, ssd, nvme, emmc, sd, usb, virtual, tmpfs, not "floppy"',
    '.disks[1].freeInodeShare must be a share from 0 to 1, not 1.1',
    '.disks[1].mountOptions must be a list of texts, not [1]',
    '.disks[2] must be an object: {"name": value, …}',
    '.links must be a list: [{"kind": "hdd", …}]',
    '.system.isNixos must be true or false, not "yes"',
    '.system.nixSettings must be an object of texts, not {"cores":4}',
    '.troubles.oomKills must be a whole number that is not negative, not 0.5',
    '.troubles.memoryPressure must be a share from 0 to 1, not 12',
    '.measured.diskReadBytesPerSecond must be a number that is not negative, not -1',
    '.measured.linkLoss must be a share from 0 to 1, not 2',
  ])
})

test('memory must be given; what contradicts itself is told', () => {
  expect(mistakesIn({})).toEqual(['.memory.totalBytes is missing: bytes of memory'])
  const contradictions = mistakesIn({
    memory: { totalBytes: 100, availableBytes: 101 },
    disks: [{ totalBytes: 10, freeBytes: 11 }],
  })
  expect(contradictions).toEqual([
    '.memory.availableBytes is more than totalBytes',
    '.disks[0].freeBytes is more than totalBytes',
  ])
  expect(mistakesIn({ machine: {} })).toEqual([
    '.machine.memory.totalBytes is missing: bytes of memory',
  ])
})

test.each([
  [null],
  [7],
  ['text'],
  [[{ memory: {} }]],
  [{ memory: 4 }],
  [{ memory: { totalBytes: 1 }, cpu: [] }],
])('%j is no machine', (value) => {
  expect(mistakesIn(value)[0]).toMatch(/must be an object|must be/)
})

test('what is no JSON is told as that', () => {
  for (const text of ['', '{', 'ram = 4']) {
    const reading = readMachineFile(text)
    expect(reading).toMatchObject({ ok: false, mistakes: [{ path: '' }] })
    expect(reading.ok || reading.mistakes[0]?.message).toMatch(/^this is not JSON: /)
  }
})

test('a name that JavaScript knows is as unknown as any', () => {
  const reading = readMachineFile('{"memory":{"totalBytes":1,"__proto__":{"a":1}},"constructor":1}')
  expect(reading.ok).toBe(false)
  expect(({} as { a?: number }).a).toBe(undefined)
})
