import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { atTestEnd } from '../support/at-test-end.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { startTerminal } from '../support/terminal.ts'
import { runCommand } from './run-command.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const patience = 180_000
const soon = { interval: 100 }

async function subject() {
  const cache = await syntheticCache({ paths: 2, totalBytes: 100_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({ upstreams: [upstream.url], trustedKeys: [cache.publicKey] })
  return { cache, upstream, narwhal, host: new URL(upstream.url).host }
}

/** `monitor` in a terminal, between two words that show what it leaves behind. */
function inTerminal(
  url: string,
  more: { env?: string; node?: string; everySeconds?: number } = {},
) {
  const node = `exec env ${more.env ?? ''} ${process.execPath} ${more.node ?? ''}`
  return startTerminal({
    command: `echo before; (${node} ${main} monitor ${more.everySeconds ?? 0.2} --url ${url}); echo "after $?"`,
    ...{ columns: 80, rows: 24 },
  })
}

testWith(['tmux'])(
  'shows live what a server does, and resizes with the terminal',
  async () => {
    const { narwhal, host } = await subject()
    const terminal = await inTerminal(narwhal.url)
    // looked at while it is drawn, a screen has a part of a frame
    const lines = async () => (await terminal.screen()).split('\n').length
    for (const seen of [
      /^── narwhal 0\.1\.0 ─+ ready, up \d+s ──$/m,
      new RegExp(`upstreams ${host} up`),
      /^── this machine: .* ──$/m,
      /q quits$/,
    ])
      await expect.poll(terminal.screen, soon).toMatch(seen)
    await expect.poll(lines, soon).toBe(24)
    expect(await terminal.screen()).not.toContain('before')

    await requestRaw(`${narwhal.url}/${'0'.repeat(32)}.narinfo`)
    await expect.poll(terminal.screen, soon).toMatch(/^ {2}narinfo .* 1 negative$/m)

    await terminal.resize(180, 40)
    await expect.poll(terminal.screen, soon).toMatch(/^── narwhal .* │ ── this machine/m)
    await expect.poll(lines, soon).toBe(40)
  },
  patience,
)

testWith(['tmux'])(
  'draws anew at once when it is resized, not with the next look',
  async () => {
    const terminal = await inTerminal('http://127.0.0.1:1', { everySeconds: 3600 })
    await expect.poll(terminal.screen, soon).toMatch(/^── this machine/m)
    await terminal.resize(180, 40)
    await expect.poll(terminal.screen, soon).toMatch(/^── narwhal .* │ ── this machine/m)
  },
  patience,
)

testWith(['tmux'])(
  'goes on while the server is away, and finds it again',
  async () => {
    const { narwhal } = await subject()
    const terminal = await inTerminal(narwhal.url)
    await expect.poll(terminal.screen, soon).toContain('ready, up')
    await narwhal.kill()
    await expect.poll(terminal.screen, soon).toMatch(/^server +cannot reach http/m)
    await expect.poll(terminal.screen, soon).toMatch(/^memory /m)
    await narwhal.restart()
    await expect.poll(terminal.screen, soon).toContain('ready, up')
  },
  patience,
)

testWith(['tmux'])(
  'gives the terminal back on q, Ctrl-C and SIGTERM',
  async () => {
    for (const end of ['q', 'C-c', 'SIGTERM']) {
      const terminal = await inTerminal('http://127.0.0.1:1')
      await expect.poll(terminal.screen, soon).toContain('this machine')
      if (end === 'SIGTERM') process.kill(await childOf(await terminal.pid()), 'SIGTERM')
      else await terminal.press(end)
      await expect.poll(terminal.screen, soon).toBe('before\nafter 0')
    }
  },
  180_000,
)

testWith(['tmux'])(
  'gives the terminal back after an error, which stays readable',
  async () => {
    const bomb = 'process.on(`SIGUSR2`,()=>{throw(new(Error)(`boom`))})'
    const terminal = await inTerminal('http://127.0.0.1:1', {
      node: `--import 'data:text/javascript,${bomb}'`,
    })
    await expect.poll(terminal.screen, soon).toContain('this machine')
    process.kill(await childOf(await terminal.pid()), 'SIGUSR2')
    await expect.poll(terminal.screen, soon).toContain('after 1')
    const screen = await terminal.screen()
    expect(screen).toContain('before')
    expect(screen).toContain('Error: boom')
    expect(screen).not.toContain('this machine')
  },
  patience,
)

testWith(['tmux'])(
  'uses colours unless NO_COLOR is set',
  async () => {
    for (const [env, colours] of [
      ['', true],
      ['NO_COLOR=1', false],
    ] as const) {
      const terminal = await inTerminal('http://127.0.0.1:1', { env })
      await expect.poll(terminal.screen, soon).toContain('this machine')
      await expect.poll(terminal.screen, soon).toMatch(/q quits$/)
      expect((await terminal.colouredScreen()).includes('\u001b[')).toBe(colours)
    }
  },
  patience,
)

testWith(['tmux'])(
  'a server cannot write to the terminal by what it says',
  async () => {
    const evil = '\u001b]0;owned\u0007\u001b[2J\u009b31m'
    const status = {
      ...{ state: 'ready', uptimeSeconds: 1, version: evil, notes: [{ code: 'x', message: evil }] },
      downloads: [{ file: evil, receivedBytes: 1, bytes: 2, readers: 1, isWaiting: false }],
    }
    const server = createServer((_request, response) => response.end(JSON.stringify(status)))
    server.listen(0, '127.0.0.1')
    atTestEnd(async () => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const terminal = await inTerminal(`http://127.0.0.1:${port}`)
    await expect.poll(terminal.screen, soon).toContain('note      ?]0;owned??[2J?31m')
    const lines = async () => (await terminal.screen()).split('\n').length
    await expect.poll(lines, soon).toBe(24)
  },
  patience,
)

testWith(['tmux'])(
  'on a dumb terminal it writes plain lines',
  async () => {
    const terminal = await inTerminal('http://127.0.0.1:1', { env: 'TERM=dumb' })
    await expect.poll(terminal.screen, soon).toMatch(/^before\n\d{4}-\d\d-\d\d .* \| no narwhal: /)
    await terminal.press('C-c')
    await expect.poll(terminal.screen, soon).toContain('after 0')
  },
  patience,
)

test(
  'in a pipe it writes a line a look, and ends with its reader',
  async () => {
    const { narwhal } = await subject()
    const child = spawn(process.execPath, [main, 'monitor', '0.2', '--url', narwhal.url], {
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    atTestEnd(() => void child.kill('SIGKILL'))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    await expect.poll(() => text.split('\n').length, soon).toBeGreaterThan(3)
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| ready, .* requests, .* hits, .*, 0 downloads \| /,
      )
    child.stdout.destroy()
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
  },
  patience,
)

test(
  '--once --json gives one sample of server and machine',
  async () => {
    const { narwhal, host } = await subject()
    const args = ['monitor', '0.2', '--url', narwhal.url, '--data-dir', narwhal.dataDir]
    const { code, stdout, stderr } = await runCommand([...args, '--once', '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const sample = JSON.parse(stdout)
    expect(Object.keys(sample)).toEqual(['at', 'seconds', 'server', 'host'])
    expect(sample.server).toMatchObject({
      url: narwhal.url,
      status: { state: 'ready', upstreams: [{ name: host }] },
      rates: { requestsPerSecond: 0, sentBytesPerSecond: 0 },
    })
    expect(sample.host.name).toMatch(/./)
    if (process.platform !== 'linux') return
    expect(sample.host).toMatchObject({ memory: {}, connections: {} })
    expect(sample.host.cpu.cores.length).toBeGreaterThan(0)
    for (const one of [sample.host.cpu.all, ...sample.host.cpu.cores])
      expect(one.workPercent).toBeGreaterThanOrEqual(0)
  },
  patience,
)

test(
  '--once without a server shows the machine alone, which is no failure',
  async () => {
    const run = await runCommand(['monitor', '0.2', '--url', 'http://127.0.0.1:1', '--once'])
    expect(run.code).toBe(0)
    expect(run.stdout).toMatch(/^server +cannot reach http:\/\/127\.0\.0\.1:1: /m)
    expect(run.stdout).toMatch(/^.. this machine: /m)
    expect(run.stdout).not.toContain('\u001b')
  },
  patience,
)

test(
  'explains itself, and refuses what is no interval',
  async () => {
    const { code, stdout } = await runCommand(['monitor', '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: narwhal monitor \[options\] \[SECONDS\]/)
    expect(stdout).toMatch(/--once[\s\S]*--json[\s\S]*Exit code 0/)
    for (const bad of ['0', 'soon', '-1', '1e9'])
      expect((await runCommand(['monitor', '--', bad])).code).toBe(2)
  },
  patience,
)

async function childOf(pid: number): Promise<number> {
  // sh, and in it the subshell that became node
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return Number(children.trim().split(' ')[0])
}
