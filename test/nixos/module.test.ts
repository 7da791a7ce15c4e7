import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'smol-toml'
import { describe, expect } from 'vitest'
import { readConfig } from '../../src/config/read-config.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'
import { evaluateModule, root } from './evaluate.ts'
import { exposureOf, renderUnit, verifyUnits } from './render-unit.ts'

const test = testWith(['nix-instantiate'])
const testUnits = testWith(['nix-instantiate', 'systemd-analyze'])

const everything = `{
  services.narwhal = {
    enable = true;
    settings = {
      listen = [ "[::]:5000" "127.0.0.1:8080" "192.168.1.20:5000" ];
      cache.max_size = "80%";
      upstream = [ { url = "https://cache.nixos.org"; priority = 40; } ];
    };
    signingKeyFile = "/etc/narwhal/cache.secret";
    tokensFile = "/etc/narwhal/tokens.json";
    environmentFile = "/etc/narwhal/environment";
    dataDir = "/srv/narwhal";
    openFirewall = true;
    interface = "enp2s0";
    memoryMax = "384M";
  };
}`

const narwhal = (options: string) => `{ services.narwhal = { enable = true; ${options} }; }`

describe('without any option but enable', () => {
  test("a socket on narwhal's own port starts a service that keeps nothing but its state", async () => {
    const { config, mistakes } = await evaluateModule(narwhal(''))
    expect(mistakes).toEqual([])
    const { sockets, services } = config.systemd
    expect(sockets.narwhal).toMatchObject({
      wantedBy: ['sockets.target'],
      listenStreams: ['[::]:5000'],
    })
    expect(services.narwhal.requires).toEqual(['narwhal.socket'])
    expect(services.narwhal.serviceConfig).toMatchObject({
      Type: 'notify',
      WatchdogSec: 60,
      DynamicUser: true,
      StateDirectory: 'narwhal',
      LimitNOFILE: 65536,
      ProtectSystem: 'strict',
      SystemCallFilter: ['@system-service'],
    })
    expect(services.narwhal.serviceConfig.ExecStart).toMatch(/ --data-dir \/var\/lib\/narwhal$/)
    expect(config.networking).toBeUndefined()
    expect(config.users).toBeUndefined()
  })

  test('nothing is forbidden that V8, the network or a look at the memory need', async () => {
    const { config } = await evaluateModule(narwhal(''))
    const settings = config.systemd.services.narwhal.serviceConfig
    for (const name of ['MemoryDenyWriteExecute', 'PrivateNetwork', 'ProcSubset'])
      expect(settings).not.toHaveProperty(name)
  })

  test('no narwhal, no traces', async () => {
    const { config } = await evaluateModule('{ services.narwhal.signingKeyFile = "/nix/store/x"; }')
    expect(Object.keys(config)).toEqual(['services'])
  })
})

describe('each option does what it says', () => {
  test('settings become narwhal.toml, which narwhal itself finds no mistake in', async () => {
    const { config } = await evaluateModule(narwhal('settings.cache.max_size = "80%";'))
    const text = stringify(config.services.narwhal.settings)
    expect(readConfig({ text })).toMatchObject({
      ok: true,
      config: { cache: { maxSize: { percent: 80 } } },
    })
  })

  test('the port is opened on one interface, on all, or not at all', async () => {
    const opened = async (options: string) =>
      (await evaluateModule(narwhal(options))).config.networking?.firewall
    expect(await opened('openFirewall = true; interface = "enp2s0";')).toEqual({
      interfaces: { enp2s0: { allowedTCPPorts: [5000] } },
    })
    expect(await opened('openFirewall = true;')).toEqual({ allowedTCPPorts: [5000] })
    expect(await opened('interface = "enp2s0";')).toBeUndefined()
  })

  test('each address is listened on, each port opened once', async () => {
    const { config } = await evaluateModule(everything)
    expect(config.systemd.sockets.narwhal.listenStreams).toHaveLength(3)
    expect(config.networking.firewall.interfaces.enp2s0.allowedTCPPorts).toEqual([5000, 8080])
  })

  test('secrets come as credentials, and narwhal is told where', async () => {
    const { config } = await evaluateModule(everything)
    expect(config.systemd.services.narwhal.serviceConfig.LoadCredential).toEqual([
      'signing-key:/etc/narwhal/cache.secret',
      'tokens:/etc/narwhal/tokens.json',
    ])
    const reading = readConfig({ text: stringify(config.services.narwhal.settings) })
    expect(reading).toMatchObject({
      ok: true,
      config: {
        signing: { keyFile: '/run/credentials/narwhal.service/signing-key' },
        auth: { tokensFile: '/run/credentials/narwhal.service/tokens' },
      },
    })
  })

  test('a data directory elsewhere has a user that keeps its number, and may be written', async () => {
    const { config, mistakes } = await evaluateModule(everything)
    expect(mistakes).toEqual([])
    const { serviceConfig, unitConfig } = config.systemd.services.narwhal
    expect(serviceConfig).toMatchObject({ ReadWritePaths: ['/srv/narwhal'], User: 'narwhal' })
    expect(unitConfig).toEqual({ RequiresMountsFor: ['/srv/narwhal'] })
    expect(config.systemd.tmpfiles.rules).toEqual(['d /srv/narwhal 0750 narwhal narwhal -'])
    expect(config.users.users.narwhal).toEqual({ isSystemUser: true, group: 'narwhal' })
  })

  test('memory and environment are handed to systemd', async () => {
    const { config } = await evaluateModule(everything)
    expect(config.systemd.services.narwhal.serviceConfig).toMatchObject({
      MemoryMax: '384M',
      EnvironmentFile: '/etc/narwhal/environment',
    })
  })
})

describe('mistakes are named', () => {
  test.for([
    ['signingKeyFile = "/nix/store/abc/key";', /signingKeyFile has to be .* outside the store/],
    ['signingKeyFile = "cache.secret";', /signingKeyFile has to be an absolute path/],
    ['tokensFile = "tokens.json";', /tokensFile has to be an absolute path outside the store/],
    ['environmentFile = "/nix/store/abc/env";', /environmentFile has to be .* outside the store/],
    ['dataDir = "narwhal";', /dataDir is no strMatching/],
    ['dataDir = "/srv/a b";', /dataDir is no strMatching/],
    ['settings.listen = [ "cache.lan:5000" ];', /cache\.lan:5000 is no address with a port/],
    ['memoryMax = 384;', /memoryMax is no nullOr str/],
  ] as const)('%s', async ([options, message]) => {
    const { mistakes } = await evaluateModule(narwhal(options))
    expect(mistakes).toEqual([expect.stringMatching(message)])
  })
})

describe('systemd takes the units', () => {
  testUnits('it finds nothing to complain about, with all options and with none', async () => {
    for (const options of [narwhal(''), everything]) {
      const { config } = await evaluateModule(options)
      const run = await verifyUnits(await tempDir('units'), {
        'narwhal.service': renderUnit(config.systemd.services.narwhal),
        'narwhal.socket': renderUnit(config.systemd.sockets.narwhal),
      })
      expect(run).toEqual({ code: 0, stdout: '', stderr: '' })
    }
  })

  testUnits('a misspelt key would have been seen', async () => {
    const unit = renderUnit({ serviceConfig: { ExecStart: '/bin/true', MemoryMaximum: '1G' } })
    const { code, stderr } = await verifyUnits(await tempDir('units'), { 'narwhal.service': unit })
    expect(code).toBe(0)
    expect(stderr).toMatch(/Unknown key.* 'MemoryMaximum'/)
  })

  testUnits('the service is locked up well', async () => {
    const { config } = await evaluateModule(everything)
    const unit = renderUnit(config.systemd.services.narwhal)
    // 1.8 when this was written; what is left is the network it serves, and V8's own code.
    expect(await exposureOf(await tempDir('units'), 'narwhal.service', unit)).toBeLessThan(2.2)
  })

  test('the unit files for other systems say the same', async () => {
    const { config } = await evaluateModule(narwhal(''))
    const { narwhal: service } = config.systemd.services
    const { narwhal: socket } = config.systemd.sockets
    const differently = /^(ExecStart|ExecReload|ListenStream)$/
    for (const [plain, own] of [
      [plainUnit('service', 'Service'), service.serviceConfig],
      [plainUnit('socket', 'Socket'), socket.socketConfig],
    ] as const) {
      const same = Object.entries(own).map(([key, value]) => [key, [value].flat().join(' ')])
      const isSame = ([key = '']: readonly string[]) => !differently.test(key)
      expect(plain.filter(isSame).toSorted()).toEqual(same.filter(isSame).toSorted())
    }
  })

  testUnits('that for other systems is locked up as well', async () => {
    const unit = readFileSync(join(root, 'config/systemd/narwhal.service'), 'utf8')
    expect(await exposureOf(await tempDir('units'), 'narwhal.service', unit)).toBeLessThan(2.2)
  })
})

/** The settings of one section of a unit in config/systemd. */
function plainUnit(kind: 'service' | 'socket', section: string): [string, string][] {
  const text = readFileSync(join(root, `config/systemd/narwhal.${kind}`), 'utf8')
  const body = text.split(`[${section}]`)[1]?.split(/^\[/m)[0] ?? ''
  const lines = body.split('\n').filter((line) => /^\w+=/.test(line))
  return lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
}
