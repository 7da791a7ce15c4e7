import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addDirectNetwork } from '../../src/cli/direct-network.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { addressCable, type Cable, type CableEnd, layCable } from '../support/network-namespaces.ts'
import { type ProgramRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { main, runCommand } from './run-command.ts'

const env = { PATH: process.env.PATH ?? '' }
const patience = { timeout: 180_000 }
const netTest = testWith(['ip', 'ping'])
const why = 'needs root and network namespaces'

function run(...args: string[]): Promise<ProgramRun> {
  return runCommand(['direct-network', ...args])
}

/** Runs the command on one end of a cable. */
function runAt(end: CableEnd, args: readonly string[], path = env.PATH): Promise<ProgramRun> {
  const [program = '', ...before] = end.wrapper
  const command = [...before, 'env', `PATH=${path}`, process.execPath, main, 'direct-network']
  return runProgram(program, [...command, ...args], { env })
}

/** `--validate --listen` at one end, ready. */
async function listenAt(end: CableEnd): Promise<ChildProcess> {
  const [program = '', ...before] = end.wrapper
  const args = [...before, process.execPath, main, 'direct-network', '--validate', '--listen']
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  atTestEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  expect(text.toString()).toBe('listens on 10.255.255.1:5202; Ctrl-C ends it\n')
  return child
}

/** What a machine is set to, as far as a link could change it. */
async function setUpOf(end: CableEnd): Promise<string> {
  const [addresses, routes] = await Promise.all([
    end.mustRun('ip', ['-4', '-o', 'address']),
    end.mustRun('ip', ['route']),
  ])
  return `${addresses}\n${routes}`
}

/** A second card with the way to everything else. */
async function addDefaultRoute(end: CableEnd): Promise<void> {
  for (const args of [
    'link add eth0 type veth peer name router0',
    'address add 192.0.2.2/24 dev eth0',
    'link set eth0 up',
    'link set router0 up',
    'route add default via 192.0.2.1',
  ])
    await end.mustRun('ip', args.split(' '))
  // The kernel notices a little later that there is somebody at the other end.
  await expect.poll(() => setUpOf(end)).not.toContain('linkdown')
}

/** Measures from the client for a short time. */
async function validate(cable: Cable, args: readonly string[] = [], path?: string) {
  const all = ['--validate', '--seconds', '1', '--json', ...args]
  const { code, stdout, stderr } = await runAt(cable.client, all, path)
  if (stdout === '') throw new Error(stderr)
  const { reading, findings, verdict } = JSON.parse(stdout)
  const failed = findings
    .filter(({ holds }: { holds?: boolean }) => holds === false)
    .map(({ about }: { about: string }) => about)
  return { code, stderr, reading, verdict, failed: [...new Set(failed)] }
}

async function machineFile(links: readonly object[], isNixos = false): Promise<string> {
  const path = join(await tempDir('machine'), 'machine.json')
  const memory = { totalBytes: 4 * 2 ** 30 }
  await writeFile(path, JSON.stringify({ memory, links, system: { isNixos } }))
  return path
}

const lan = { name: 'eth0', kind: 'ethernet', hasDefaultRoute: true, addresses: ['192.168.1.2/24'] }
const free = { name: 'enp3s0', kind: 'ethernet', hasDefaultRoute: false, addresses: [] }

describe('--server and --client', () => {
  test('choose the only unused interface, print its file, explain on stderr', async () => {
    const { code, stdout, stderr } = await run(
      '--server',
      '--machine',
      await machineFile([lan, free]),
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^# \/etc\/systemd\/network\/10-narwhal-link\.network {3}\(mode 0644\)\n/,
    )
    expect(stdout).toContain('\nName=enp3s0\n')
    expect(stdout).toContain('\nAddress=10.255.255.1/30\n')
    for (const words of [
      'the only interface nobody uses',
      'Nothing has been changed',
      '941.5 Mbit/s',
      'listen = ["10.255.255.1:5000"]',
      'narwhal direct-network --client',
    ])
      expect(stderr).toContain(words)
    for (const line of stderr.split('\n').filter((line) => !line.startsWith('      ')))
      expect(line.length).toBeLessThanOrEqual(80)
  })

  test('a NixOS machine gets a module that can go where stdout goes', async () => {
    const { code, stdout } = await run(
      '--client',
      '--machine',
      await machineFile([lan, free], true),
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/^# \/etc\/nixos\/narwhal-link\.nix/)
    expect(stdout).toContain('substituters = lib.mkBefore [ "http://10.255.255.1:5000" ];')
  })

  test('--json has the plan, the files, the steps and the command for the other end', async () => {
    const file = await machineFile([lan, free])
    const args = ['--client', '2', '--hosts', '3', '--mtu', '9000', '--tune', '--format']
    const { stdout } = await run(...args, 'networkmanager', '--machine', file, '--json')
    const report = JSON.parse(stdout)
    expect(Object.keys(report)).toEqual(['plan', 'files', 'benefit', 'steps', 'otherEnd'])
    expect(report.plan).toMatchObject({ address: '10.255.255.3/24', mtuBytes: 9000, tunes: true })
    expect(report.files.map(({ path }: { path: string }) => path)).toEqual([
      '/etc/NetworkManager/system-connections/narwhal-link.nmconnection',
      '/etc/NetworkManager/conf.d/10-narwhal-link.conf',
      '/etc/sysctl.d/90-narwhal-link.conf',
    ])
    expect(report.otherEnd).toBe('narwhal direct-network --server --hosts 3 --mtu 9000')
  })

  test('-o writes the files with their modes, and overwrites only with --force', async () => {
    const dir = join(await tempDir('link'), 'new')
    const file = await machineFile([lan, free])
    const args = ['--server', '--format', 'networkmanager', '--machine', file, '-o', dir]
    const first = await run(...args)
    expect(first).toMatchObject({ code: 0 })
    expect(first.stdout.trim().split('\n')).toEqual([
      join(dir, 'narwhal-link.nmconnection'),
      join(dir, '10-narwhal-link.conf'),
    ])
    const profile = join(dir, 'narwhal-link.nmconnection')
    expect((await stat(profile)).mode & 0o777).toBe(0o600)
    expect((await stat(join(dir, '10-narwhal-link.conf'))).mode & 0o777).toBe(0o644)
    await writeFile(profile, 'precious')
    const second = await run(...args)
    expect(second).toMatchObject({ code: 3, stdout: '' })
    expect(second.stderr).toContain('--force')
    expect(await readFile(profile, 'utf8')).toBe('precious')
    expect((await run(...args, '--force')).code).toBe(0)
    expect(await readFile(profile, 'utf8')).toContain('[connection]')
    expect(await readdir(dir)).toHaveLength(2)
  })

  test('a directory that cannot be made is a failure that says so', async () => {
    const file = await machineFile([lan, free])
    const out = join(file, 'under-a-file')
    const { code, stderr } = await run('--server', '--machine', file, '-o', out)
    expect(code).toBe(3)
    expect(stderr).toContain(`cannot write ${out}`)
  })

  test('a no has exit code 1, its reason, what will work, and no file', async () => {
    const { code, stdout, stderr } = await run('--server', '--machine', await machineFile([lan]))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('eth0 holds the default route')
    expect(stderr).toContain('USB 3')
  })

  netTest(
    'this machine: the default route is refused, the cable is taken, nothing changes',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addDefaultRoute(cable.server)
      const before = await setUpOf(cable.server)
      const refused = await runAt(cable.server, ['--server', '--interface', 'eth0', '--json'])
      expect(refused.code).toBe(1)
      expect(JSON.parse(refused.stdout).refusal).toMatchObject({
        answer: 'no',
        because: [{ text: 'eth0 holds the default route: the way to everything else.' }],
      })
      const args = ['--server', '--interface', 'lan0', '--format', 'networkd']
      const taken = await runAt(cable.server, args)
      expect(taken).toMatchObject({ code: 0, stdout: expect.stringContaining('Name=lan0') })
      const unknown = await runAt(cable.server, ['--server', '--interface', 'lan7'])
      expect(unknown).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no interface lan7'),
      })
      expect(await setUpOf(cable.server)).toBe(before)
    },
  )

  netTest(
    'this machine: a route to 10/8 elsewhere is found, and other addresses offered',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addDefaultRoute(cable.client)
      await cable.client.mustRun('ip', ['route', 'add', '10.0.0.0/8', 'via', '192.0.2.9'])
      const args = ['--client', '--interface', 'lan1', '--format', 'networkd']
      const refused = await runAt(cable.client, args)
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toContain('eth0 already leads to 10.0.0.0/8')
      expect(refused.stderr).toContain('--subnet')
      const other = await runAt(cable.client, [...args, '--subnet', '172.31.255.0/30'])
      expect(other).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Address=172.31.255.2/30'),
        stderr: expect.stringContaining('--server --subnet 172.31.255.0/30'),
      })
    },
  )
})

describe('--validate', () => {
  netTest(
    'a good cable is a yes, and the default route stays what it was',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addDefaultRoute(cable.client)
      await addressCable(cable)
      const before = await setUpOf(cable.client)
      const listener = await listenAt(cable.server)
      const { code, reading, verdict, failed } = await validate(cable)
      expect({ code, answer: verdict.answer, failed }).toEqual({
        code: 0,
        answer: 'yes',
        failed: [],
      })
      expect(reading).toMatchObject({
        peerAddress: '10.255.255.1',
        local: { interface: 'lan1', isLoopback: false, hasDefaultRoute: false, mtuBytes: 1500 },
        latency: { method: 'ping', count: 300 },
        loss: { sent: 300, received: 300 },
        throughput: { method: 'narwhal' },
      })
      expect(reading.latency.medianMs).toBeLessThan(1)
      expect(reading.latency.p99Ms).toBeGreaterThanOrEqual(reading.latency.medianMs)
      for (const way of ['sending', 'receiving'])
        expect(reading.throughput[way].mbits).toBeGreaterThan(900)
      expect(await setUpOf(cable.client)).toBe(before)
      listener.kill('SIGINT')
      expect(await once(listener, 'exit')).toEqual([0, null])
    },
  )

  testWith(['ip', 'ping', 'tc'])(
    'a line of 100 Mbit/s is a no: the cable, both ways',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addressCable(cable)
      for (const end of [cable.server, cable.client]) {
        const args = `qdisc add dev ${end.interface} root tbf rate 100mbit burst 64k latency 50ms`
        const { code } = await end.run('tc', args.split(' '))
        if (code !== 0) return skip('needs tbf in the kernel')
      }
      await listenAt(cable.server)
      const { code, reading, verdict, failed } = await validate(cable)
      expect(code).toBe(1)
      expect(failed).toContain('throughput')
      expect(failed).not.toContain('latency')
      expect(reading.throughput.sending.mbits).toBeLessThan(100)
      expect(reading.throughput.receiving.mbits).toBeLessThan(100)
      expect(verdict.instead[0].text).toMatch(
        /what a link of 100 Mbit\/s carries.*change the cable/,
      )
    },
  )

  testWith(['ip', 'ping', 'nft'])(
    'a cable that loses one packet in 19 is a no, with ping and without',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addressCable(cable)
      const rules = join(await tempDir('nft'), 'rules')
      const drop = 'type filter hook input priority 0\n numgen inc mod 19 == 0 drop\n'
      await writeFile(rules, `table inet lossy {\n chain input {\n ${drop} }\n}\n`)
      const { code: made } = await cable.server.run('nft', ['-f', rules])
      if (made !== 0) return skip('needs nf_tables with numgen in the kernel')
      await listenAt(cable.server)
      const pinged = await validate(cable)
      expect(pinged).toMatchObject({ code: 1, reading: { loss: { method: 'ping' } } })
      expect(pinged.failed).toContain('loss')
      expect(pinged.verdict.instead[0].text).toContain('change the cable')
      const bare = await tempDir('path')
      await symlink(process.execPath, join(bare, 'node'))
      const opened = await validate(cable, [], bare)
      expect(opened).toMatchObject({ code: 1, reading: { latency: { method: 'tcp' } } })
      expect(opened.failed).toContain('loss')
    },
  )

  netTest('jumbo frames that the other end does not take are found', patience, async ({ skip }) => {
    const cable = await layCable()
    if (!cable) return skip(why)
    await addressCable(cable)
    await cable.client.mustRun('ip', ['link', 'set', 'lan1', 'mtu', '9000'])
    await listenAt(cable.server)
    const { code, verdict, failed } = await validate(cable)
    expect({ code, failed }).toEqual({ code: 1, failed: ['path'] })
    expect(verdict.instead[0].text).toContain('--mtu 9000')
    await cable.server.mustRun('ip', ['link', 'set', 'lan0', 'mtu', '9000'])
    expect(await validate(cable)).toMatchObject({ code: 0, reading: { takesFullPackets: true } })
  })

  testWith(['ip', 'ping', 'iperf3'])(
    'iperf3 is taken where both ends have it',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addressCable(cable)
      const [program = '', ...before] = cable.server.wrapper
      const server = spawn(program, [...before, 'iperf3', '-s', '--forceflush'], {
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      atTestEnd(() => void server.kill('SIGKILL'))
      await once(server.stdout, 'data')
      const { code, reading } = await validate(cable)
      expect(code).toBe(0)
      expect(reading.throughput).toMatchObject({ method: 'iperf3' })
      expect(reading.throughput.sending.mbits).toBeGreaterThan(900)
      expect(reading.resent.segments).toBeGreaterThan(1000)
    },
  )

  netTest(
    'nothing that takes bytes at the other end: yes, if that is measured too',
    patience,
    async ({ skip }) => {
      const cable = await layCable()
      if (!cable) return skip(why)
      await addressCable(cable)
      const { code, verdict, stderr } = await validate(cable)
      expect({ code, answer: verdict.answer }).toEqual({ code: 0, answer: 'yes, if' })
      expect(verdict.conditions[0]).toContain('--validate --listen')
      expect(stderr).not.toContain('Error')
    },
  )

  netTest('nobody at the other end is a failure with a hint', patience, async ({ skip }) => {
    const cable = await layCable()
    if (!cable) return skip(why)
    await addressCable(cable)
    await cable.server.mustRun('ip', ['address', 'flush', 'dev', 'lan0'])
    const { code, stdout, stderr } = await runAt(cable.client, ['--validate'])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain('10.255.255.1 answers neither ping nor TCP')
    expect(stderr).toContain('check the cable')
    const nowhere = await runAt(cable.client, ['--validate', '--address', '192.0.2.1'])
    expect(nowhere).toMatchObject({ code: 3, stderr: expect.stringContaining('no route leads to') })
  })

  test('this machine itself is no link', patience, async () => {
    const { code, stdout } = await run('--validate', '--address', '127.0.0.1', '--port', '1')
    expect(code).toBe(1)
    expect(stdout).toContain('127.0.0.1 is this machine itself')
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('give the address of the other with --address')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('an interrupt ends it, with 130', patience, async () => {
    const args = [main, 'direct-network', '--validate', '--address', '127.0.0.1']
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    await once(child.stderr, 'data')
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
  })

  test('a running narwhal is measured with its NARs', patience, async () => {
    const cache = await syntheticCache({ paths: 6, totalBytes: 4_000_000 })
    const narwhal = await startNarwhal({
      upstreams: [`file://${cache.directory}`],
      trustedKeys: [cache.publicKey],
    })
    const path = cache.infos.at(-1)?.storePath.hash ?? ''
    const args = ['--validate', '--url', narwhal.url, '--path', path, '--seconds', '0.2', '--json']
    const { stdout, stderr } = await run(...args)
    expect(stderr).toContain('NARs of')
    const { reading } = JSON.parse(stdout)
    expect(reading.throughput).toMatchObject({ method: 'http' })
    expect(reading.throughput.receiving.mbits).toBeGreaterThan(10)
  })
})

describe('--advise', () => {
  test('answers for a laptop on WiFi, in 80 columns and in JSON', async () => {
    const file = await machineFile([
      { ...lan, name: 'wlan0', kind: 'wifi', bitsPerSecond: 300e6 },
      free,
    ])
    const { code, stdout } = await run('--advise', '--machine', file)
    expect(code).toBe(0)
    for (const words of ['WiFi', '2–10 ms', '1–3 ms', '0.1–0.5 ms', 'about $5', '941.5 Mbit/s'])
      expect(stdout).toContain(words)
    expect(stdout).toContain('--interface enp3s0')
    // The first line names the file, which may be as long as it likes.
    for (const line of stdout.split('\n').slice(2)) expect(line.length).toBeLessThanOrEqual(80)
    const json = JSON.parse((await run('--advise', '--machine', file, '--json')).stdout)
    expect(Object.keys(json)).toEqual(['machine', 'ways', 'topology', 'verdict', 'statements'])
    expect(json.topology.leaf).toBe('direct-cable')
  })

  test('a no has exit code 1 and says what else', async () => {
    const { code, stdout } = await run(
      '--advise',
      '--machine',
      await machineFile([lan]),
      '--elsewhere',
    )
    expect(code).toBe(1)
    expect(stdout).toContain('a narwhal at each place')
  })
})

describe('wrong usage', () => {
  test.each([
    [[], 'give one of --advise, --server, --client, --validate'],
    [['--server', '--client'], 'give one of'],
    [['--server', '--listen'], '--listen goes with --validate'],
    [['--client', '2'], '--client 2 needs --hosts 3'],
    [['--server', '--interface', 'a b'], 'such as enp3s0'],
    [['--server', '--interface', '../x'], 'such as enp3s0'],
    [['--server', '--mtu', '100'], 'from 1280 to 9216'],
    [['--server', '--hosts', '1'], 'from 2 to 253'],
    [['--server', '--subnet', '10.255.255.0'], 'Give a network'],
    [['--server', '--format', 'netplan'], 'Allowed choices'],
    [['--validate', '--address', 'cache.lan'], 'Give an IPv4 address'],
    [['--validate', '--seconds', '900'], 'from 0.2 to 30'],
    [['--validate', '--path', 'x'], 'the 32 characters of its hash'],
  ])('%j', async (args, words) => {
    const said: string[] = []
    const program = new Command('narwhal').exitOverride()
    addDirectNetwork(program)
    for (const command of program.commands)
      command.configureOutput({ writeErr: (text) => void said.push(text) })
    const parsing = program.parseAsync(['direct-network', ...args], { from: 'user' })
    const error = await parsing.then(
      () => undefined,
      (error: Error) => error,
    )
    expect(`${said.join('')}${error?.message}`).toContain(words)
  })

  test('has exit code 2', async () => {
    const { code, stdout } = await run('--server', '--client')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('listening where this machine has no address is a failure that says so', async () => {
    const { code, stderr } = await run('--validate', '--listen', '--address', '192.0.2.77')
    expect(code).toBe(3)
    expect(stderr).toContain('cannot listen on 192.0.2.77:5202')
  })
})
