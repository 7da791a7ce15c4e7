import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { atTestEnd } from '../support/at-test-end.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { main, runCommand } from './run-command.ts'

const patience = 180_000

/** A directory with a journal to be, and a file that says how long the command under test takes. */
async function bench() {
  const directory = await tempDir('experiment')
  const journal = join(directory, 'journal', 'experiments.jsonl')
  const pause = join(directory, 'pause')
  await writeFile(pause, '0.6')
  const run = (...args: readonly string[]) =>
    runCommand(['experiment', ...args, '--journal', journal], { cwd: directory })
  const start = (name: string, ...more: readonly string[]) =>
    run('start', name, '--change', `${name}: a → b`, '--rounds', '3', ...more)
  const startSleep = (name = 'sleep') => start(name, '--command', 'sleep $(cat pause)')
  const log = async () => JSON.parse((await run('log', '--json')).stdout)
  return { directory, journal, pause, run, start, startSleep, log }
}

test(
  'baseline, one change, measured, kept, written down',
  async () => {
    const { pause, run, startSleep, log } = await bench()
    const baseline = await startSleep()
    expect(baseline.code).toBe(0)
    expect(baseline.stdout).toMatch(/^Baseline\n.*\n {2}command, s +\d\.\d+ \(/)
    expect(baseline.stdout).toContain('Now change one thing: sleep: a → b')
    expect(baseline.stderr).toContain('experiment: command: round 3 of 3')
    await writeFile(pause, '0.05')
    const measured = await run('measure')
    expect(measured.code).toBe(0)
    expect(measured.stdout).toMatch(/command, s +−\d+ % {2}better\n.* → /)
    expect(measured.stdout).toContain('Keep it.')
    const kept = await run('keep', '--because', 'it is faster')
    expect(kept.code).toBe(0)
    expect(kept.stdout).toMatch(/^1 {2}sleep {2}kept\n/)
    const { experiments, damagedLines } = await log()
    expect(damagedLines).toEqual([])
    expect(experiments).toMatchObject([
      {
        id: 1,
        name: 'sleep',
        change: 'sleep: a → b',
        plan: { rounds: 3, command: { line: 'sleep $(cat pause)', warmups: 1 } },
        baselines: [{ figures: [{ key: 'command', unit: 's', better: 'lower', rounds: 3 }] }],
        measurements: [{ figures: [{ key: 'command' }] }],
        decision: { kind: 'keep', because: 'it is faster' },
        result: { verdict: { outcome: 'better', advice: 'keep' } },
      },
    ])
    expect((await run('log')).stdout).toMatch(/why: it is faster/)
    expect((await run('log', '--markdown')).stdout).toMatch(
      /^\| # \|[\s\S]*\| kept \| it is faster \|/,
    )
  },
  patience,
)

test(
  'a change that makes it worse is told with exit code 1, and taken back',
  async () => {
    const { pause, run, startSleep } = await bench()
    await startSleep()
    await writeFile(pause, '1.6')
    const measured = await run('measure')
    expect(measured.code).toBe(1)
    expect(measured.stdout).toContain('Revert it.')
    const kept = await run('keep')
    expect(kept.code).toBe(0)
    expect(kept.stderr).toContain('the figures say revert')
  },
  patience,
)

test(
  'what differs no more than its rounds do is no difference',
  async () => {
    const { run, start, directory } = await bench()
    // 0.3 s, then 0.6, 0.9, 0.3, …: what is noise is the same before and after, and more than what a
    // busy machine adds
    const line = 'n=$(cat n); echo $(((n + 1) % 3)) >n; sleep 0.$((n * 3 + 3))'
    await writeFile(join(directory, 'n'), '0')
    await start('nothing', '--command', line, '--warmups', '0')
    const measured = await run('measure')
    expect(measured.code).toBe(0)
    expect(measured.stdout).toContain('No difference beyond the noise.')
  },
  patience,
)

test(
  'one change at a time: a second experiment is refused until the first is decided',
  async () => {
    const { run, startSleep, log } = await bench()
    await startSleep('first')
    const second = await startSleep('second')
    expect(second.code).toBe(3)
    expect(second.stderr).toMatch(/"first" \(first: a → b\) is not decided yet\n.*keep, or/)
    // refused before anything is measured
    expect(second.stderr).not.toContain('round 1')
    expect((await run('revert', '--because', 'another time')).code).toBe(0)
    expect((await startSleep('second')).code).toBe(0)
    expect((await log()).experiments).toMatchObject([
      { name: 'first', decision: { kind: 'revert' } },
      { id: 2, name: 'second' },
    ])
  },
  patience,
)

test(
  'nothing unmeasured is kept, and nothing is decided that was not begun',
  async () => {
    const { run, startSleep } = await bench()
    for (const word of ['measure', 'keep', 'revert']) {
      const { code, stderr } = await run(word)
      expect(code).toBe(3)
      expect(stderr).toMatch(/no experiment is open\n.*experiment start/)
    }
    await startSleep()
    const { code, stderr } = await run('keep')
    expect(code).toBe(3)
    expect(stderr).toMatch(/not measured after the change\n.*experiment measure/)
    // more of the baseline is not the change
    expect((await run('measure', '--baseline')).stdout).toMatch(/^Baseline/)
    expect((await run('keep')).code).toBe(3)
  },
  patience,
)

test(
  'a damaged line, and one that was cut off, lose nothing else',
  async () => {
    const { journal, run, startSleep, log } = await bench()
    await startSleep('first')
    await run('revert')
    await appendFile(journal, 'not JSON at all\n')
    // as a killed program leaves it: the next line must not be lost with it
    await appendFile(journal, '{"id":2,"name":"tor')
    expect((await startSleep('second')).code).toBe(0)
    const { experiments, damagedLines } = await log()
    expect(damagedLines).toEqual([3, 4])
    expect(experiments).toMatchObject([{ name: 'first' }, { name: 'second', id: 2 }])
    const { stderr } = await run('log')
    expect(stderr).toContain(`${journal}: cannot read line 3, 4; all others count`)
  },
  patience,
)

test(
  'killed while it measures, it has written nothing, and goes on from there',
  async () => {
    const { journal, directory, run, startSleep, log } = await bench()
    await startSleep()
    const before = await readFile(journal, 'utf8')
    const child = spawn(process.execPath, [main, 'experiment', 'measure', '--journal', journal], {
      cwd: directory,
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    await once(child.stderr, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await readFile(journal, 'utf8')).toBe(before)
    expect((await run('measure')).code).toBe(0)
    expect((await log()).experiments).toMatchObject([{ measurements: [{}] }])
  },
  patience,
)

test(
  'interrupted, it ends what it started, writes nothing, and exits with 130',
  async () => {
    const { journal, directory } = await bench()
    const start = ['experiment', 'start', 'long', '--change', 'x']
    const args = [...start, '--command', 'echo $$ >pid; sleep 600']
    const child = spawn(process.execPath, [main, ...args, '--journal', journal], {
      cwd: directory,
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    atTestEnd(() => void child.kill('SIGKILL'))
    let said = ''
    child.stderr.on('data', (text: Buffer) => {
      said += text
    })
    const pid = () => readFile(join(directory, 'pid'), 'utf8').catch(() => '')
    await expect.poll(pid).toMatch(/^\d+\n$/)
    const shell = Number(await pid())
    child.kill('SIGINT')
    const [code] = await once(child, 'close')
    expect(code).toBe(130)
    expect(said).toContain('experiment: interrupted')
    await expect(stat(journal)).rejects.toThrow('ENOENT')
    const isThere = () =>
      stat(`/proc/${shell}`).then(
        () => true,
        () => false,
      )
    await expect.poll(isThere).toBe(false)
  },
  patience,
)

test(
  'a command that fails is no measurement',
  async () => {
    const { start, journal } = await bench()
    const { code, stderr } = await start('broken', '--command', 'echo no such thing >&2; exit 7')
    expect(code).toBe(3)
    expect(stderr).toMatch(/ended with 7: no such thing\n.*Run it by itself/)
    await expect(stat(journal)).rejects.toThrow('ENOENT')
  },
  patience,
)

test(
  'prepares each round of a command without timing it',
  async () => {
    const { start, directory, log } = await bench()
    const prepare = 'echo x >>prepared; sleep 1'
    await start('prepared', '--command', 'true', '--prepare', prepare, '--warmups', '2')
    expect((await readFile(join(directory, 'prepared'), 'utf8')).length).toBe(2 * (2 + 3))
    const { experiments } = await log()
    expect(experiments[0].baselines[0].figures[0].max).toBeLessThan(1)
  },
  patience,
)

test(
  'measures a cache as bench does, and the machine',
  async () => {
    const { start, run, log } = await bench()
    const cache = await syntheticCache({ paths: 6, totalBytes: 300_000 })
    const upstream = await startFakeUpstream(cache.directory)
    const root = cache.infos.at(-1)?.storePath.hash ?? ''
    const flags = ['--url', upstream.url, '--path', root, '--seconds', '0.05']
    expect((await start('cache', ...flags)).code).toBe(0)
    const { stdout } = await run('measure', '--json')
    const measured = JSON.parse(stdout)
    expect(measured.plan.cache).toEqual({ url: `${upstream.url}/`, paths: [root], seconds: 0.05 })
    const keys = measured.result.comparisons.map(
      ({ after }: { after: { key: string } }) => after.key,
    )
    expect(keys).toEqual(expect.arrayContaining(['hitMedianMs', 'nar1MBs', 'copySeconds']))
    await run('revert')
    // without --url and --command it is the machine
    expect((await start('machine')).code).toBe(0)
    const { experiments } = await log()
    const figures = experiments[1].baselines[0].figures as { key: string }[]
    expect(figures.map(({ key }) => key)).toContain('sha256BytesPerSecond')
  },
  patience,
)

test(
  'keeps its journal in the state directory of the user, for the user alone',
  async () => {
    const directory = await tempDir('experiment')
    const env = { XDG_STATE_HOME: directory }
    const args = ['experiment', 'start', 'x', '--change', 'y', '--command', 'true', '--rounds', '3']
    expect((await runCommand(args, { env })).code).toBe(0)
    const file = join(directory, 'narwhal', 'experiments.jsonl')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const home = await tempDir('experiment')
    expect((await runCommand(args, { env: { HOME: home } })).code).toBe(0)
    await stat(join(home, '.local/state/narwhal/experiments.jsonl'))
  },
  patience,
)

testWith(['unshare'])(
  'on a full disk a line is written whole or not at all',
  async ({ skip }) => {
    if (process.getuid?.() !== 0) skip('needs root')
    const directory = await tempDir('experiment')
    // one page is free, which takes a part of the line
    const script =
      'mount -t tmpfs -o size=32k tmpfs "$0" && cd "$0" && : >j && head -c 4096 /dev/zero >page && { head -c 1m /dev/zero >ballast 2>/dev/null; rm page; }; "$@"; code=$?; wc -c <j; exit $code'
    const line = `true ${'x'.repeat(6000)}`
    const start = ['experiment', 'start', 'x', '--change', 'y']
    const args = [...start, '--command', line, '--journal', 'j']
    const { code, stdout, stderr } = await runProgram(
      'unshare',
      ['-m', 'sh', '-c', script, directory, process.execPath, main, ...args],
      { env: { PATH: process.env.PATH ?? '' }, cwd: directory },
    )
    expect(stderr).toMatch(/cannot write .*\n.*free space/)
    expect(code).toBe(3)
    expect(stdout.trim()).toBe('0')
  },
  patience,
)

test(
  'explains itself, and refuses what it cannot do',
  async () => {
    const help = await runCommand(['experiment', '--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toMatch(/start[\s\S]*measure[\s\S]*keep[\s\S]*revert[\s\S]*log/)
    const start = ['experiment', 'start', 'x', '--change', 'y']
    for (const args of [
      ['experiment', 'start', 'x'],
      [...start, '--measure', 'speed'],
      [...start, '--measure', 'cache'],
      [...start, '--measure', 'command'],
      [...start, '--rounds', '2'],
      [...start, '--url', 'file:///srv'],
      [...start, '--url', 'http://user:secret@cache.lan'],
      [...start, '--path', 'hello'],
      [...start, '--seconds', '0'],
      ['experiment', 'start', ' ', '--change', 'y'],
      ['experiment', 'log', '--json', '--markdown'],
    ]) {
      const { code, stdout } = await runCommand(args)
      expect([args.join(' '), code, stdout]).toEqual([args.join(' '), 2, ''])
    }
  },
  patience,
)
