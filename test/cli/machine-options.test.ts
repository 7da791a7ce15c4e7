import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describedMachine } from '../../src/advice/described-machine.ts'
import { machineFrom } from '../../src/cli/sidecar/machine-options.ts'
import { GiB, MiB } from '../../src/units.ts'
import { machines } from '../support/machines.ts'
import { tempDir } from '../support/temp-dir.ts'

test('flags describe a machine; what they leave out is unknown', async () => {
  const { machine, source } = await machineFrom({
    ram: '4G',
    cores: '2',
    threads: '4',
    disk: ['hdd:500G:free=120G', 'NVMe'],
    link: ['1G', 'wifi:300M'],
  })
  expect(source).toBe('given by hand')
  expect(machine).toEqual(
    describedMachine({
      cpu: { cores: 2, threads: 4 },
      memory: { totalBytes: 4 * GiB },
      disks: [{ kind: 'hdd', totalBytes: 500 * GiB, freeBytes: 120 * GiB }, { kind: 'nvme' }],
      links: [
        { kind: 'ethernet', bitsPerSecond: 1e9, duplex: 'full', isUp: true },
        { kind: 'wifi', bitsPerSecond: 300e6, isUp: true },
      ],
    }),
  )
})

test('says what it assumed', async () => {
  const { machine, source } = await machineFrom({ ram: '2G' })
  expect(machine.cpu.cores).toBe(2)
  expect(source).toBe('given by hand; 2 cores assumed')
})

test.each([
  ['1G', { kind: 'ethernet', bitsPerSecond: 1e9 }],
  ['2.5Gbit/s', { kind: 'ethernet', bitsPerSecond: 2.5e9 }],
  ['ethernet:100M', { kind: 'ethernet', bitsPerSecond: 100e6, duplex: 'full' }],
  ['virtual:10G', { kind: 'virtual', bitsPerSecond: 10e9 }],
  ['wifi', { kind: 'wifi', bitsPerSecond: undefined }],
])('--link %s', async (text, expected) => {
  const { machine } = await machineFrom({ ram: '4G', link: [text] })
  expect(machine.links[0]).toMatchObject(expected)
})

test.each([
  ['hdd', { kind: 'hdd', totalBytes: undefined, freeBytes: undefined }],
  ['ssd:500GB', { kind: 'ssd', totalBytes: 500e9 }],
  ['sd:64G:fs=btrfs', { kind: 'sd', totalBytes: 64 * GiB, filesystem: 'btrfs' }],
])('--disk %s', async (text, expected) => {
  const { machine } = await machineFrom({ ram: '4G', disk: [text] })
  expect(machine.disks[0]).toMatchObject(expected)
})

test('every mistake is told at once, with its flag', async () => {
  const promise = machineFrom({
    cores: '0',
    threads: '1.5',
    disk: ['hd:500G', 'floppy', 'ssd:x', 'hdd:1G:free=2G', 'hdd:1G:colour=red'],
    link: ['fast', 'wifi:x', 'tr:1G', '0M'],
    machine: '/nowhere/machine.json',
  })
  await expect(promise).rejects.toMatchObject({ code: 'BAD_MACHINE' })
  const lines = await promise.catch((error: Error) => error.message.split('\n'))
  expect(lines).toEqual([
    '--cores 0: give a number such as 4',
    '--threads 1.5: give a whole number such as 8',
    '--disk hd:500G: no kind of disk is called "hd"; did you mean hdd?',
    '--disk floppy: the kind is one of hdd, ssd, nvme, emmc, sd, usb, virtual, tmpfs: hdd:500G',
    '--disk ssd:x: give a size such as 4G',
    '--disk hdd:1G:free=2G: more is free than the disk holds',
    '--disk hdd:1G:colour=red: "colour=red" is not known; give hdd:500G:free=120G:fs=ext4',
    '--link fast: give a rate such as 1G or 100M, or wifi:300M',
    '--link wifi:x: give a rate such as 1G or 100M, or wifi:300M',
    '--link tr:1G: give a rate such as 1G or 100M, or wifi:300M',
    '--link 0M: give a rate such as 1G or 100M, or wifi:300M',
    expect.stringMatching(/^--machine \/nowhere\/machine.json: cannot read it: ENOENT/),
  ])
})

test.each([
  [{ cores: '4' }, '--ram: give the memory of that machine too, such as --ram 4G'],
  [{ ram: '4' }, '--ram 4: too little for any machine; give a size with its unit, such as 4G'],
  [{ ram: 'much' }, '--ram much: give a size such as 4G'],
  [
    { ram: '4G', cores: '4', threads: '2' },
    '--threads 2: a machine has at least as many threads as cores (4)',
  ],
])('%j is told', async (options, message) => {
  await expect(machineFrom(options)).rejects.toThrow(message)
})

test('a file is read as diagnose writes it, and flags change it', async () => {
  const file = join(await tempDir('machine'), 'm.json')
  const pentium = machines['pentium-hdd']
  await writeFile(file, JSON.stringify({ machine: pentium }))
  expect(await machineFrom({ machine: file })).toEqual({ machine: pentium, source: file })
  const { machine, source } = await machineFrom({ machine: file, ram: '8G', cores: '1' })
  expect(source).toBe(`${file}, changed by flags`)
  expect(machine).toEqual({
    ...pentium,
    cpu: { ...pentium.cpu, cores: 1, threads: 1 },
    memory: { ...pentium.memory, totalBytes: 8 * GiB, availableBytes: undefined },
  })
  const threads = await machineFrom({ machine: file, threads: '2' })
  expect(threads.machine.cpu).toMatchObject({ cores: 2, threads: 2 })
})

test('a wrong file is told place by place', async () => {
  const file = join(await tempDir('machine'), 'm.json')
  await writeFile(file, '{"memory": {"totalBytes": "4G"}, "cpu": {"cores": -1}}')
  await expect(machineFrom({ machine: file })).rejects.toThrow(
    `${file}: .cpu.cores: must be a number above 0, not -1\n${file}: .memory.totalBytes: must be a whole number of bytes, not "4G"`,
  )
})

test('without flags it is this machine', async () => {
  const { machine, source } = await machineFrom({})
  expect(source).toBe('this machine')
  expect(machine.memory.totalBytes).toBeGreaterThan(64 * MiB)
})
