import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { readConfig } from '../../src/config/read-config.ts'
import type { ConfigFileName } from '../../src/nixos/config-files.ts'
import { makeNixHome } from '../support/nix-home.ts'
import { mustRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { type Combination, combinations } from './combinations.ts'
import { type Evaluation, evaluateSystems, ownModule } from './evaluate.ts'
import { renderUnit, type UnitOptions, verifyUnits } from './render-unit.ts'

vi.setConfig({ testTimeout: 300_000 })

let all: readonly Combination[] = []
beforeAll(() => {
  all = combinations()
})

/** The texts of one file over all combinations, each text once, with one that it came from. */
function textsOf(name: ConfigFileName): ReadonlyMap<string, Combination> {
  const texts = new Map<string, Combination>()
  for (const combination of all)
    for (const file of combination.files) if (file.name === name) texts.set(file.text, combination)
  return texts
}

async function writeAll(texts: Iterable<string>, suffix: string): Promise<string[]> {
  const dir = await tempDir('generated')
  const paths: string[] = []
  for (const text of texts) {
    const path = join(dir, `${paths.length}${suffix}`)
    await writeFile(path, text)
    paths.push(path)
  }
  return paths
}

test('every machine, role, side and flag is there', () => {
  expect(all).toHaveLength(10 * 3 * 2 * 2 * 2)
  expect(textsOf('narwhal-server.nix').size).toBeGreaterThanOrEqual(100)
})

describe('the modules', () => {
  const modules = ['narwhal-server.nix', 'narwhal-client.nix'] as const

  testWith(['nix-instantiate'])('Nix parses them all', async () => {
    const texts = modules.flatMap((name) => [...textsOf(name).keys()])
    const paths = await writeAll(texts, '.nix')
    const env = await makeNixHome(await tempDir('nix-home'))
    const run = await runProgram('nix-instantiate', ['--parse', ...paths], { env })
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' })
  })

  testWith(['nix-instantiate'])(
    'each evaluates beside our own module, without a mistake',
    async () => {
      const found = await evaluated('narwhal-server.nix')
      for (const [combination, { config, mistakes }] of found) {
        expect([combination.name, mistakes]).toEqual([combination.name, []])
        expectServer(config, combination)
      }
    },
  )

  testWith(['nix-instantiate'])('clients ask the nearest cache first', async () => {
    for (const [
      { isClient, isDistributed, config: wanted },
      { config, mistakes },
    ] of await evaluated('narwhal-client.nix')) {
      expect(mistakes).toEqual([])
      const { settings } = config.nix
      const expected = isClient
        ? ['http://near.lan:5000?priority=10', 'http://far.lan:5000?priority=15']
        : [`${wanted.serverAddresses[0]}?priority=10`]
      expect(settings.substituters).toEqual(expected)
      expect(settings['connect-timeout']).toBeLessThanOrEqual(5)
      expect(settings.fallback).toBe(true)
      // What a client's own machine is asked for must not reach all the others.
      if (!isClient) expect(config.nix.buildMachines).toBeUndefined()
      else expect(config.nix.distributedBuilds ?? false).toBe(isDistributed)
    }
  })

  testWith(['nix-instantiate'])('what configuration.nix says beats what is generated', async () => {
    const [text] = [...textsOf('narwhal-server.nix').keys()]
    const [path = ''] = await writeAll([text ?? ''], '.nix')
    const own = `({
      nix.settings.max-jobs = 7;
      nix.settings.substituters = [ "https://own.example" ];
      services.narwhal.settings.cache.max_size = "1GiB";
      boot.kernel.sysctl."vm.swappiness" = 1;
      zramSwap.enable = false;
    })`
    const [evaluation] = await evaluateSystems([[ownModule, path, own]])
    const { nix, services, boot, zramSwap } = evaluation?.config ?? {}
    expect(nix.settings['max-jobs']).toBe(7)
    expect(nix.settings.substituters).toEqual([
      'http://localhost:5000?priority=10',
      'https://own.example',
    ])
    expect(services.narwhal.settings.cache.max_size).toBe('1GiB')
    expect(boot.kernel.sysctl['vm.swappiness']).toBe(1)
    expect(zramSwap.enable).toBe(false)
  })
})

describe('what systemd and the kernel get', () => {
  testWith(['nix-instantiate', 'systemd-analyze'])('systemd takes every unit', async () => {
    const texts = new Set<string>()
    for (const [, { config }] of await evaluated('narwhal-server.nix')) {
      const { services, sockets } = config.systemd
      texts.add(JSON.stringify([renderUnit(services.narwhal), renderUnit(sockets.narwhal)]))
      for (const name of ['nix-daemon', 'nix-snapshot'])
        if (services[name]) texts.add(JSON.stringify([renderUnit(withProgram(services[name]))]))
    }
    expect(texts.size).toBeGreaterThan(10)
    for (const text of texts) {
      const [service = '', socket] = JSON.parse(text) as string[]
      const run = await verifyUnits(await tempDir('units'), {
        'narwhal.service': service,
        ...(socket !== undefined && { 'narwhal.socket': socket }),
      })
      expect([text, run]).toEqual([text, { code: 0, stdout: '', stderr: '' }])
    }
  })

  testWith(['nix-instantiate', 'systemd-analyze'])(
    'systemd reads every schedule and delay',
    async () => {
      const dates = new Set<string>()
      const delays = new Set<string>()
      for (const [, { config }] of await evaluated('narwhal-server.nix')) {
        dates.add(config.nix.gc.dates)
        delays.add(config.nix.gc.randomizedDelaySec)
        for (const date of config.nix.optimise?.dates ?? []) dates.add(date)
        expect(config.nix.gc.options).toMatch(/^--delete-older-than \d+d$/)
      }
      const env = { PATH: process.env.PATH ?? '' }
      expect(dates.size).toBeGreaterThan(1)
      await mustRun('systemd-analyze', ['calendar', ...dates], { env })
      await mustRun('systemd-analyze', ['timespan', ...delays], { env })
    },
  )

  testWith(['nix-instantiate', 'sysctl'])('sysctl takes every value', async () => {
    const texts = new Set<string>()
    for (const name of ['narwhal-server.nix', 'narwhal-client.nix'] as const)
      for (const [, { config }] of await evaluated(name)) {
        const sysctls = Object.entries(config.boot?.kernel?.sysctl ?? {})
        if (sysctls.length > 0)
          texts.add(sysctls.map(([key, value]) => `${key} = ${value}\n`).join(''))
      }
    expect(texts.size).toBeGreaterThan(3)
    const env = { PATH: process.env.PATH ?? '' }
    for (const path of await writeAll(texts, '.conf')) {
      const { code, stderr } = await runProgram('sysctl', ['--dry-run', '-p', path], { env })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    }
  })

  testWith(['nix-instantiate', 'sh'])('the shell takes the snapshot script', async () => {
    const scripts = new Set<string>()
    for (const [{ config: wanted }, { config }] of await evaluated('narwhal-server.nix')) {
      const script = config.systemd.services['nix-snapshot']?.script
      expect(script !== undefined).toBe(wanted.storeFilesystem.type === 'btrfs')
      if (script) scripts.add(script)
    }
    expect(scripts.size).toBe(1)
    for (const path of await writeAll(scripts, '.sh'))
      await mustRun('sh', ['-n', path], { env: { PATH: process.env.PATH ?? '' } })
  })
})

describe('the files for other systems', () => {
  test('narwhal finds no mistake in any narwhal.toml, and it says what the module says', () => {
    for (const [text, { name, config: wanted }] of textsOf('narwhal.toml')) {
      const reading = readConfig({ text })
      expect([name, reading.ok ? [] : reading.mistakes]).toEqual([name, []])
      if (!reading.ok) continue
      const { upstreams } = reading.config
      expect(upstreams.map(({ url }) => url)).toEqual([
        ...wanted.upstreams,
        'https://cache.nixos.org',
      ])
      expect(upstreams.map(({ priority }) => priority)).toEqual(
        wanted.upstreams.length > 0 ? [10, 40] : [40],
      )
    }
  })

  testWith(['nix'])(
    'the real Nix reads every nix.conf, and warns only of what it is too old for',
    async () => {
      const env = await makeNixHome(await tempDir('nix-home'))
      const paths = await writeAll(textsOf('nix.conf').keys(), '.conf')
      expect(paths.length).toBeGreaterThan(40)
      for (const path of paths) {
        const run = await runProgram('nix', ['show-config', '--json'], {
          env: { ...env, NIX_USER_CONF_FILES: path },
        })
        const warnings = run.stderr
          .split('\n')
          .filter((line) => line !== '' && !/nixbld/.test(line))
        for (const line of warnings)
          expect(line).toBe("warning: unknown setting 'max-substitution-jobs'")
        const shown = JSON.parse(run.stdout) as Record<string, { value: unknown }>
        expect(String(shown.substituters?.value)).toMatch(/5000\?priority=10/)
      }
    },
  )
})

/** A unit that NixOS itself, or its script, gives something to run. */
function withProgram({ serviceConfig, environment }: UnitOptions): UnitOptions {
  return {
    ...(environment && { environment }),
    serviceConfig: { ExecStart: '/bin/true', ...serviceConfig },
  }
}

const evaluations = new Map<ConfigFileName, Promise<[Combination, Evaluation][]>>()

/** Each different module of one name, evaluated: all in one run of Nix. */
function evaluated(name: ConfigFileName): Promise<[Combination, Evaluation][]> {
  const found = evaluations.get(name) ?? evaluateAll(name)
  evaluations.set(name, found)
  return found
}

async function evaluateAll(name: ConfigFileName): Promise<[Combination, Evaluation][]> {
  const texts = textsOf(name)
  const paths = await writeAll(texts.keys(), '.nix')
  const with_ = name === 'narwhal-server.nix' ? [ownModule] : []
  const results = await evaluateSystems(paths.map((path) => [...with_, path]))
  return [...texts.values()].map((combination, at) => [combination, results[at] as Evaluation])
}

// biome-ignore lint/suspicious/noExplicitAny: options are as deep and as various as NixOS is
function expectServer(config: any, { config: wanted, isTuned, isDistributed }: Combination): void {
  const { narwhal } = config.services
  expect(narwhal.enable).toBe(true)
  for (const { key, value } of wanted.narwhal)
    expect([key, key.split('.').reduce((at, part) => at?.[part], narwhal.settings)]).toEqual([
      key,
      value,
    ])
  for (const { path = [], value } of wanted.system) {
    const found = path.reduce((at, part) => at?.[part], config)
    expect([path, [found].flat()]).toEqual([path, [value]])
  }
  for (const { key, value } of wanted.nix)
    expect([key, config.nix.settings[key]]).toEqual([key, value])
  expect(config.nix.settings.substituters).toEqual(['http://localhost:5000?priority=10'])
  expect(config.nix.distributedBuilds ?? false).toBe(isDistributed)
  expect(config.boot?.kernelModules ?? []).toEqual(isTuned ? ['tcp_bbr'] : [])
  expect('net.core.rmem_max' in (config.boot?.kernel?.sysctl ?? {})).toBe(isTuned)
  expectFirewall(config, wanted)
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function expectFirewall(config: any, { lan }: Combination['config']): void {
  const opened = config.networking?.firewall
  if ('whyClosed' in lan) expect(opened).toBeUndefined()
  else expect(opened).toEqual({ interfaces: { [lan.interface]: { allowedTCPPorts: [5000] } } })
}
