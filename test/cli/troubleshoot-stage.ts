import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { topicOf } from '../../src/advice/troubleshooting/tree.ts'
import type { Check, CheckName, CheckReport } from '../../src/cli/troubleshoot/check.ts'
import { printStorePath } from '../../src/nix/store-path.ts'
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { makeNixHome } from '../support/nix-home.ts'
import { testWith } from '../support/programs.ts'
import { type SyntheticCache, syntheticCache } from '../support/synthetic-cache.ts'
import { tempDir } from '../support/temp-dir.ts'
import { runCommand } from './run-command.ts'

export const nixTest = testWith(['nix'])
export const main = join(import.meta.dirname, '../../src/cli/main.ts')
export const nixosCache = 'https://cache.nixos.org'
const careful = ['connect-timeout = 5', 'narinfo-cache-negative-ttl = 60']

interface Client {
  readonly env: Record<string, string>
  readonly dir: string
}

/** A machine whose nix.conf says this. */
export async function clientWith(lines: readonly string[]): Promise<Client> {
  const dir = await tempDir('client')
  const env = await makeNixHome(dir)
  await writeFile(join(dir, 'conf', 'nix.conf'), `${[...careful, ...lines].join('\n')}\n`)
  return { dir, env }
}

export function clientOf(url: string, keys: readonly string[], more: readonly string[] = []) {
  return clientWith([
    `substituters = ${url} ${nixosCache}`,
    `trusted-public-keys = ${keys.join(' ')}`,
    ...more,
  ])
}

interface Look extends CheckReport {
  readonly code: number
  of(name: CheckName): Check
  readonly faults: readonly CheckName[]
}

/** What --auto finds; held against the rules for every report. */
export async function look(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Look> {
  const start = performance.now()
  const { code, stdout, stderr } = await runCommand(['troubleshoot', '--auto', '--json', ...args], {
    env,
  })
  expect(stderr).toBe('')
  expect(performance.now() - start).toBeLessThan(11_000)
  const report = JSON.parse(stdout) as CheckReport
  expect(report.seconds).toBeLessThan(10)
  expect(new Set(report.checks.map(({ name }) => name)).size).toBe(report.checks.length)
  for (const { state, seen, todo, symptom } of report.checks) {
    expect(seen).toMatch(/^\S.*[.]$/s)
    if (state === 'fault' || state === 'warning') expect(todo, seen).toMatch(/^\S.*[.:]$/)
    if (symptom !== undefined) expect(topicOf(symptom), symptom).toBeDefined()
  }
  const faults = report.checks.filter(({ state }) => state === 'fault').map(({ name }) => name)
  expect(report.isWell).toBe(faults.length === 0)
  expect(code).toBe(faults.length === 0 ? 0 : 1)
  return {
    ...report,
    code,
    faults,
    of(name) {
      const check = report.checks.find((one) => one.name === name)
      if (check === undefined) throw new Error(`no check of ${name}`)
      return check
    },
  }
}

interface Stage {
  readonly cache: SyntheticCache
  readonly upstream: FakeUpstream
  readonly narwhal: NarwhalProcess
  readonly path: string
}

export async function stage(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const cache = await syntheticCache({ paths: 3, totalBytes: 900_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const narwhal = await startNarwhal({
    upstreams: [upstream.url],
    trustedKeys: [cache.publicKey],
    env: { NARWHAL_LIMITS_PATIENCE: '300ms', ...env },
  })
  return { cache, upstream, narwhal, path: pathOf(cache) }
}

/** A cache without narwhal, which misbehaves as told. */
export async function bareStage() {
  const cache = await syntheticCache({ paths: 3, totalBytes: 900_000 })
  const upstream = await startFakeUpstream(cache.directory)
  const client = await clientOf(upstream.url, [cache.publicKey])
  const path = pathOf(cache)
  const url = upstream.url
  const run = () => look(['--url', url, '--store-path', path], client.env)
  return { cache, upstream, client, path, url, run }
}

export function pathOf({ infos }: SyntheticCache): string {
  const [info] = infos
  if (info === undefined) throw new Error('an empty cache')
  return printStorePath(info.storePath, '/nix/store')
}
