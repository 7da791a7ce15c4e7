import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Diagnosis } from '../../src/advice/diagnosis.ts'
import { GiB, MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { controlGroup } from '../support/control-group.ts'
import { machines } from '../support/machines.ts'
import { mustRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { main, runCommand } from './run-command.ts'

const env = { PATH: process.env.PATH ?? '' }

async function diagnosed(...args: string[]): Promise<Diagnosis> {
  const { code, stdout, stderr } = await runCommand(['diagnose', '--json', ...args])
  expect([0, 1], stderr).toContain(code)
  return JSON.parse(stdout)
}

async function machineFile(name: keyof typeof machines): Promise<string> {
  const file = join(await tempDir('diagnose'), `${name}.json`)
  await writeFile(file, JSON.stringify(machines[name]))
  return file
}

/** Names of all keys, as in ".machine.disks[].name". */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => shapeOf(item, `${path}[]`)))]
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, part]) => shapeOf(part, `${path}.${key}`))
}

testWith(['nproc', 'free', 'df', 'uname'])('T1: finds what the machine itself tells', async () => {
  const started = performance.now()
  const { machine, source } = await diagnosed()
  expect(performance.now() - started).toBeLessThan(10_000)
  expect(source).toBe('this machine')
  const ask = (program: string, ...args: string[]) => mustRun(program, args, { env })
  expect(machine.cpu.threads).toBe(Number(await ask('nproc')))
  expect(machine.cpu.cores).toBeLessThanOrEqual(availableParallelism())
  const [, total = 0] = /^Mem: +(\d+)/m.exec(await ask('free', '-b'))?.map(Number) ?? []
  if (!machine.memory.isLimited) expect(machine.memory.totalBytes).toBe(total)
  expect(machine.system.kernel).toBe(await ask('uname', '-r'))
  const [disk] = machine.disks
  const columns = '--output=source,fstype,size,target'
  const df = (await ask('df', '-B1', columns, disk?.mountPoint ?? '/')).split('\n').at(-1) ?? ''
  const [, filesystem, size, target] = df.split(/\s+/)
  expect(disk).toMatchObject({ filesystem, totalBytes: Number(size), mountPoint: target })
})

testWith(['lsblk'])('names the disks lsblk names', async () => {
  const { machine } = await diagnosed()
  const listed = await mustRun('lsblk', ['-dn', '-o', 'NAME,TYPE,SIZE'], { env })
  const names = listed.split('\n').flatMap((line) => {
    const [name = '', type, size] = line.trim().split(/\s+/)
    return type === 'disk' && size !== '0B' && !name.startsWith('zram') ? [name] : []
  })
  const found = machine.disks.filter(({ kind }) => kind !== 'tmpfs' && kind !== undefined)
  expect(new Set(found.flatMap(({ name }) => name.split('+')))).toEqual(new Set(names))
})

testWith(['ip'])('names the link and addresses ip names', async () => {
  const { machine } = await diagnosed()
  const ask = (...args: string[]) => mustRun('ip', args, { env })
  const route = /^default .*dev (\S+)/m.exec(await ask('route'))?.[1]
  expect(machine.links.find(({ hasDefaultRoute }) => hasDefaultRoute)?.name).toBe(route)
  for (const { name, addresses } of machine.links) {
    const brief = await ask('-brief', 'addr', 'show', name)
    expect(addresses.toSorted()).toEqual(brief.split(/\s+/).slice(2).filter(Boolean).toSorted())
  }
})

test('in a control group it sees the limit, not the host', async ({ skip }) => {
  const group = await controlGroup({ memoryBytes: 512 * MiB, cores: 1 })
  if (!group) return skip('needs control groups that may be written')
  const [program, ...args] = [...group.wrapper, process.execPath, main, 'diagnose', '--json']
  const { code, stdout, stderr } = await runProgram(program as string, args, { env })
  expect([0, 1], stderr).toContain(code)
  const { machine } = JSON.parse(stdout) as Diagnosis
  expect(machine.memory).toMatchObject({ totalBytes: 512 * MiB, isLimited: true })
  expect(machine.memory.availableBytes).toBeLessThan(512 * MiB)
  expect(machine.cpu).toMatchObject({ cores: 1, threads: 1 })
})

testWith(['setpriv'])('needs no root, and says what it could not see without', async ({ skip }) => {
  if (process.getuid?.() !== 0) return skip('only root may become nobody')
  const as = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath]
  const probe = await runProgram('setpriv', [...as, main, '--version'], { env, cwd: '/' })
  if (probe.code !== 0) return skip('nobody may not read this checkout')
  const run = await runProgram('setpriv', [...as, main, 'diagnose', '--json'], { env, cwd: '/' })
  expect([0, 1], run.stderr).toContain(run.code)
  expect(run.stderr).toBe('')
  const own = await diagnosed()
  const { machine } = JSON.parse(run.stdout) as Diagnosis
  expect(machine.disks.map(({ name, kind }) => [name, kind])).toEqual(
    own.machine.disks.map(({ name, kind }) => [name, kind]),
  )
  expect(machine.memory.totalBytes).toBe(own.machine.memory.totalBytes)
  expect(machine.system.virtualization).toBe(own.machine.system.virtualization)
})

test('changes nothing: no file is made, neither here nor at home nor beside the store', async () => {
  const cwd = await tempDir('diagnose')
  const home = join(cwd, 'home')
  await mkdir(home)
  const database = '/nix/var/nix/db'
  const facts = async () => {
    const names = await readdir(database).catch(() => [])
    return Promise.all(
      names.map(async (name) => [name, (await stat(join(database, name))).mtimeMs]),
    )
  }
  const before = await facts()
  const { code } = await runCommand(['diagnose'], {
    cwd,
    env: { HOME: home, XDG_CACHE_HOME: home },
  })
  expect([0, 1]).toContain(code)
  expect(await readdir(home)).toEqual([])
  expect(await readdir(cwd)).toEqual(['home'])
  expect(await facts()).toEqual(before)
})

testWith(['strace'])('opens no file to write, nor do the programs it asks', async () => {
  const log = join(await tempDir('diagnose'), 'strace')
  const calls = 'openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,truncate'
  const args = ['-f', '-qq', '-e', `trace=${calls}`, '-o', log, process.execPath, main, 'diagnose']
  const { code, stderr } = await runProgram('strace', args, { env })
  expect([0, 1], stderr).toContain(code)
  const lines = (await readFile(log, 'utf8')).split('\n')
  expect(lines.length).toBeGreaterThan(100)
  const changes = lines.filter((line) =>
    /O_(WRONLY|RDWR|CREAT|TRUNC)|\b(creat|mkdir|unlink|rename|truncate)/.test(line),
  )
  expect(changes.filter((line) => !/"\/dev\/(null|tty)"/.test(line))).toEqual([])
})

test('what it prints under "machine" is read again by --machine', async () => {
  const { machine } = await diagnosed()
  const file = join(await tempDir('diagnose'), 'm.json')
  await writeFile(file, JSON.stringify({ machine }))
  const again = await diagnosed('--machine', file)
  expect(again.machine).toEqual(machine)
  expect(again).toMatchObject({ source: file })
  expect(again.upkeep).toBe(undefined)
})

test('the shape of --json holds', async () => {
  const report = await diagnosed('--slow', '--machine', await machineFile('under-pressure'))
  expect(Object.keys(report)).toEqual([
    ...['machine', 'source', 'gaps', 'bottlenecks', 'recommendations', 'criteria'],
    ...['slowness', 'needsAction'],
  ])
  const shape = shapeOf({ ...report, machine: {} })
  const statement = (at: string) =>
    ['text', 'formula', 'source', 'check'].map((key) => `${at}.${key}`)
  const alternative = (at: string) => ['kind', 'text', 'cost'].map((key) => `${at}.${key}`)
  expect(new Set(shape)).toEqual(
    new Set([
      '.source',
      '.needsAction',
      ...['what', 'why', 'check'].map((key) => `.gaps[].${key}`),
      ...['id', 'part', 'severity'].map((key) => `.bottlenecks[].${key}`),
      ...statement('.bottlenecks[].statement'),
      ...alternative('.bottlenecks[].actions[]'),
      ...['key', 'now', 'advised'].map((key) => `.recommendations[].${key}`),
      ...statement('.recommendations[].because'),
      ...['id', 'name', 'state'].map((key) => `.criteria[].${key}`),
      ...statement('.criteria[].statement'),
      '.slowness.part',
      ...statement('.slowness.statement'),
      ...['id', 'part', 'severity'].map((key) => `.slowness.bottlenecks[].${key}`),
      ...statement('.slowness.bottlenecks[].statement'),
      ...alternative('.slowness.bottlenecks[].actions[]'),
      ...alternative('.slowness.actions[]'),
      ...['what', 'command', 'target'].map((key) => `.slowness.measure[].${key}`),
      // an empty list has no shape
    ]),
  )
  expect(Object.keys(report.machine)).toEqual([
    ...['cpu', 'memory', 'disks', 'links', 'system', 'troubles', 'measured'],
  ])
})

test('T1: a machine in trouble is told what is wrong, worst first, and the exit code is 1', async () => {
  const file = await machineFile('under-pressure')
  const { code, stdout, stderr } = await runCommand(['diagnose', '--machine', file])
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  expect(stdout).not.toContain('\u001b')
  const at = (text: string) => {
    expect(stdout).toContain(text)
    return stdout.indexOf(text)
  }
  const order = [
    'Machine: ',
    'Not seen',
    'What holds it back, worst first',
    'The kernel has killed 7 processes',
    'The disk is at work 97 % of the time',
    'A hard disk reads one file after the other well',
    'Worth changing here',
    'max-jobs = 1 (now: 4)',
    '--delete-older-than 14d (now: 212 generations)',
    'A well-kept cache',
    '[ ] K5 No OOM kills: 7',
    'wrong now and need action',
  ].map(at)
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})

test('P2: --slow leads from what is seen to one change, measured before and after', async () => {
  const file = await machineFile('under-pressure')
  const { code, stdout } = await runCommand(['diagnose', '--slow', '--machine', file])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^ {2}memory +waited for 42 %, 7 OOM kills {2}← here$/m)
  expect(stdout).toMatch(
    /1\. Look[\s\S]*2\. Find[\s\S]*7 processes[\s\S]*3\. Change one thing[\s\S]*zram[\s\S]*4\. Measure before and after[\s\S]*pressure\/memory/,
  )
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})

test('K1, K2, K3, K4, K5 and K6 are listed, met or not, with what would show the rest', async () => {
  const { stdout, code } = await runCommand([
    ...['diagnose', '--ram', '8G', '--cores', '4', '--disk', 'ssd:500G:free=400G', '--link', '1G'],
  ])
  expect(code).toBe(0)
  for (const id of ['K1', 'K2', 'K3', 'K4', 'K5', 'K6'])
    expect(stdout).toMatch(new RegExp(`^ {2}\\[[ x?]\\] ${id} `, 'm'))
  expect(stdout).toMatch(/^Machine: given by hand$/m)
  expect(stdout).toMatch(/^ {2}\[x\] K5 Disk not full/m)
  expect(stdout).toMatch(/^Nothing is wrong now\.$/m)
})

test('what a file calls its parts cannot speak to the terminal', async () => {
  const file = join(await tempDir('diagnose'), 'm.json')
  const model = 'Disk\u001b]0;owned\u0007'
  await writeFile(
    file,
    JSON.stringify({ memory: { totalBytes: GiB }, disks: [{ model, kind: 'hdd' }] }),
  )
  const { stdout } = await runCommand(['diagnose', '--machine', file])
  expect(stdout).toContain('Disk?]0;owned?')
  expect(stdout).not.toContain('\u001b')
})

test.each([
  [['--ram', '4X'], /--ram 4X: give a size such as 4G/],
  [['--ram', '4G', '--measure'], /--measure measures this machine/],
  [['--against', 'http://127.0.0.1:5000'], /--against goes with --measure/],
  [['--measure', '--against', 'cache'], /Give a URL/],
  [['--machine', '/nowhere.json'], /--machine \/nowhere.json: cannot read it/],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await runCommand(['diagnose', ...args])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
})

test('--measure measures within a minute, and leaves nothing behind', {
  timeout: 180_000,
}, async () => {
  const dir = await tempDir('diagnose')
  const started = performance.now()
  const args = ['diagnose', '--measure', '--json', '--data-dir', dir]
  const { code, stdout, stderr } = await runCommand(args)
  expect([0, 1], stderr).toContain(code)
  expect(performance.now() - started).toBeLessThan(60_000)
  const { machine, measurements } = JSON.parse(stdout)
  expect(machine.measured.sha256BytesPerSecond).toBeGreaterThan(1e6)
  expect(measurements.readings.sha256BytesPerSecond.median).toBe(
    machine.measured.sha256BytesPerSecond,
  )
  expect(stderr).toMatch(/^diagnose: /m)
  expect(await readdir(dir)).toEqual([])
})

test('an interrupt ends measuring at once, and leaves nothing behind', async () => {
  const dir = join(tmpdir(), `narwhal-diagnose-${process.pid}`)
  await mkdir(dir)
  atTestEnd(() => rm(dir, { recursive: true }))
  const child = spawn(process.execPath, [main, 'diagnose', '--measure', '--data-dir', dir], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  for await (const chunk of child.stderr) {
    stderr += chunk
    if (stderr.includes('diagnose: ') && !stderr.includes('interrupted')) child.kill('SIGINT')
  }
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]
  expect({ code, told: stderr.includes('diagnose: interrupted') }).toEqual({
    code: 130,
    told: true,
  })
  await expect.poll(() => readdir(dir)).toEqual([])
})
