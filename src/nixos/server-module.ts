import { btrfsSection } from './btrfs.ts'
import { buildMachineSection } from './build-machine.ts'
import { dataDirOn } from './data-dir.ts'
import { type Assignment, moduleText, type Section } from './module-text.ts'
import { networkTuningSection } from './network-tuning.ts'
import { mkBefore, mkDefault, type NixValue } from './nix-value.ts'
import { isKnownToNix } from './nix-version.ts'
import { nearSubstituters, nixosCache, tiersOf } from './tiers.ts'
import { narwhalTrustedKeys, trustedKeys } from './trusted-keys.ts'
import type { AdvisedSetting, StoreFilesystem, WantedConfig } from './wanted-config.ts'

const secretDirectory = '/etc/narwhal'

/** Options that NixOS merges lists of, so that one more entry does not stand against others. */
const listOptions: ReadonlySet<string> = new Set(['nix.optimise.dates'])

/**
 * Writes narwhal-server.nix: narwhal, the Nix daemon beside it, and the system under both.
 *
 * Single values are lib.mkDefault: what configuration.nix says beats them without a conflict.
 */
export function serverModule(config: WantedConfig): string {
  const { title, assignments } = networkTuningSection(config)
  const isNarwhals = ({ path }: AdvisedSetting) =>
    path?.includes('narwhal') === true && path[0] !== 'nix'
  return moduleText({
    header: header(config),
    sections: [
      narwhalSection(config, config.system.filter(isNarwhals)),
      nixSection(config),
      buildMachineSection(config),
      { title: 'The system', assignments: config.system.filter((s) => !isNarwhals(s)).map(option) },
      btrfsSection(config),
      { title, assignments },
    ],
  })
}

function header(config: WantedConfig): string {
  return [
    `narwhal-server.nix: a ${roleNames[config.role]}, on a machine with ${config.machine}.`,
    `Made by: ${config.command}`,
    '',
    'Import it beside narwhal itself, then nixos-rebuild switch:',
    '  flake:     modules = [ narwhal.nixosModules.default ./narwhal-server.nix ];',
    '  no flake:  imports = [ /path/to/narwhal/nix/module.nix ./narwhal-server.nix ];',
    'What you set in configuration.nix beats what stands here.',
    ...(config.warning === undefined ? [] : ['', config.warning]),
    ...(hasNoJobs(config) && config.buildMachine === undefined ? ['', noJobsText] : []),
  ].join('\n')
}

const roleNames = {
  proxy: 'cache in front of other caches',
  cache: 'cache that keeps own builds',
  builder: 'builder with a cache',
} as const

const noJobsText =
  'Nothing is built here (max-jobs = 0), not even this machine\'s own configuration: build it elsewhere with "nixos-rebuild switch --target-host". In need: "nixos-rebuild switch --max-jobs 1 --cores 1", slowly.'

function hasNoJobs({ nix }: WantedConfig): boolean {
  return nix.some(({ key, value }) => key === 'max-jobs' && value === 0)
}

function narwhalSection(config: WantedConfig, limits: readonly AdvisedSetting[]): Section {
  const own = ['services', 'narwhal']
  return {
    title: 'narwhal',
    assignments: [
      { path: [...own, 'enable'], value: true },
      ...access(config),
      ...dataDir(config.storeFilesystem),
      ...config.narwhal.map(
        ({ key, value, because }): Assignment => ({
          path: [...own, 'settings', ...key.split('.')],
          value: mkDefault(value),
          because,
        }),
      ),
      upstreams(config),
      ...narwhalKeys(config.publicKeys),
      ...pushing(config),
      ...limits.map(option),
    ],
  }
}

function access({ lan }: WantedConfig): Assignment[] {
  const own = ['services', 'narwhal']
  if ('whyClosed' in lan)
    return [{ path: [...own, 'openFirewall'], value: mkDefault(false), because: lan.whyClosed }]
  return [
    {
      path: [...own, 'interface'],
      value: mkDefault(lan.interface),
      because: `Clients come over ${lan.interface}; the firewall opens the port there and nowhere else.`,
    },
    { path: [...own, 'openFirewall'], value: mkDefault(true) },
  ]
}

function dataDir(filesystem: StoreFilesystem): Assignment[] {
  const value = dataDirOn(filesystem)
  if (value === undefined) return []
  const because = `On the filesystem whose free space is counted below, mounted at ${filesystem.mountPoint}.`
  return [{ path: ['services', 'narwhal', 'dataDir'], value: mkDefault(value), because }]
}

function upstreams(config: WantedConfig): Assignment {
  const tiers = tiersOf(config.upstreams).map(({ url, priority }) => ({ url, priority }))
  const nearer = tiers.slice(0, -1).map(({ url }) => url)
  const because =
    nearer.length === 0
      ? 'What is not here comes from cache.nixos.org.'
      : `What is not here comes from ${[...nearer, nixosCache].join(', then ')}: all are asked at once, and the lower priority is taken.`
  return { path: ['services', 'narwhal', 'settings', 'upstream'], value: mkDefault(tiers), because }
}

function narwhalKeys(publicKeys: readonly string[]): Assignment[] {
  if (publicKeys.length === 0) return []
  return [
    {
      path: ['services', 'narwhal', 'settings', 'trusted_public_keys'],
      value: narwhalTrustedKeys(publicKeys),
      because: 'What these keys have signed is passed on, whichever upstream it comes from.',
    },
  ]
}

const secretNote =
  'Mode 0600; systemd hands it to narwhal (LoadCredential). Never a path literal, which would be copied to the store, where everybody can read it.'

/** What pushing takes. Files that are not there keep narwhal from starting: they are only proposed. */
function pushing({ role, signingKeyFile }: WantedConfig): Assignment[] {
  const key: Assignment = {
    path: ['services', 'narwhal', 'signingKeyFile'],
    value: signingKeyFile ?? `${secretDirectory}/cache.lan-1.secret`,
    because: `Signs what is pushed here without a signature; its public half goes to the clients (--public-key). ${secretNote} Make it, then take away the #:\n  mkdir -p ${secretDirectory} && narwhal keygen cache.lan-1 --out ${secretDirectory}`,
    isSuggestion: signingKeyFile === undefined,
  }
  if (role === 'proxy') return signingKeyFile === undefined ? [] : [key]
  return [
    key,
    {
      path: ['services', 'narwhal', 'tokensFile'],
      value: `${secretDirectory}/tokens.json`,
      because: `Who may push with "nix copy --to"; without it nobody may. ${secretNote} Make it, then take away the #:\n  mkdir -p ${secretDirectory} && narwhal token create laptop --tokens-file ${secretDirectory}/tokens.json`,
      isSuggestion: true,
    },
  ]
}

function nixSection(config: WantedConfig): Section {
  const settings = ['nix', 'settings']
  return {
    title: 'Nix on this machine',
    assignments: [
      {
        path: [...settings, 'substituters'],
        value: mkBefore(nearSubstituters(['http://localhost:5000'])),
        because:
          'Through its own narwhal, which keeps what it fetches for everybody; cache.nixos.org stays behind it.',
      },
      ...trustedKeys(config.publicKeys),
      ...nixAssignments(config.nix, config.nixVersion),
    ],
  }
}

/**
 * nix.conf as options. An unknown setting fails the build of the system, so one that this Nix does
 * not know stands as a comment; NixOS 25.11 and later know all of them.
 */
export function nixAssignments(
  settings: readonly AdvisedSetting[],
  nixVersion: string | undefined,
): Assignment[] {
  return settings.map((setting) => {
    const { key, value, because, minimumNix } = setting
    const path = ['nix', 'settings', key]
    if (isKnownToNix(setting, nixVersion, true)) return { path, value: mkDefault(value), because }
    const text = `Needs Nix ${minimumNix}; here is ${nixVersion}. ${because.text}`
    return { path, value: mkDefault(value), because: { ...because, text }, isSuggestion: true }
  })
}

function option({ key, path, value, because }: AdvisedSetting): Assignment {
  if (path === undefined) throw new TypeError(`${key} is advised as an option and has no path`)
  const asList: NixValue = listOptions.has(path.join('.')) ? [value] : value
  return { path, value: mkDefault(asList), because }
}
