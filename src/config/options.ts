import { address } from './address.ts'
import { cacheUrl } from './cache-url.ts'
import { logFormats, logLevels, verifications } from './config.ts'
import {
  absoluteDirectory,
  amount,
  duration,
  flag,
  flagOrAuto,
  integer,
  list,
  oneOf,
  size,
  textKind,
} from './kind.ts'
import type { Option } from './option.ts'
import { publicKey } from './public-key.ts'

/** The key that signs everything on cache.nixos.org, as Nix itself ships it. */
const nixosKey = 'cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='
const nixosCache = 'https://cache.nixos.org'

/** Keeps the type of an option's value while it stands in the table. */
function option<T>(facts: Option<T>): Option<T> {
  return facts
}

/**
 * Every option outside [[upstream]].
 *
 * The file, the environment, the flags, the defaults and config/narwhal.toml all come from here.
 */
export const options = {
  listen: option({
    key: 'listen',
    kind: list(address, { example: ['[::]:5000'], least: 1 }),
    default: ['[::]:5000'],
    text: 'Addresses to listen on, each "host:port" or "[IPv6]:port". "[::]" means every address of the machine, IPv4 too; port 0 lets the system choose one.',
    needsRestart: true,
    flag: { name: 'listen', value: 'HOST:PORT', repeatable: true },
  }),
  dataDir: option({
    key: 'data_dir',
    kind: textKind('a directory such as "/var/lib/narwhal"'),
    default: './narwhal-data',
    text: 'Where everything is kept. Its directory cache/ is itself a complete binary cache. A relative path starts at the working directory.',
    needsRestart: true,
    flag: { name: 'data-dir', value: 'DIR' },
  }),
  trustedPublicKeys: option({
    key: 'trusted_public_keys',
    kind: list(publicKey, { example: [nixosKey] }),
    default: [nixosKey],
    text: "Public keys believed whichever upstream sends their signatures, in the notation of Nix's trusted-public-keys. A path no believed key has signed is not passed on, unless its own name proves its contents.",
    flag: { name: 'trusted-key', value: 'NAME:KEY', repeatable: true },
  }),
  netrcFile: option<string | undefined>({
    key: 'netrc_file',
    kind: textKind('a file name such as "/etc/nix/netrc"'),
    default: undefined,
    example: '/etc/nix/netrc',
    text: 'File of logins in netrc format, for upstreams that have none of their own below.',
  }),
  cache: {
    maxSize: option({
      key: 'cache.max_size',
      kind: amount,
      default: '50GiB',
      text: 'The most the stored files may take, as a size or as a share of the file system such as "80%". What was used least recently leaves first.',
      needsRestart: true,
      flag: { name: 'max-size', value: 'SIZE' },
    }),
    minFree: option({
      key: 'cache.min_free',
      kind: amount,
      default: '5%',
      text: 'Room always left free on the file system, as a size or a share of it, whatever max_size allows.',
      needsRestart: true,
    }),
    memoryBytes: option({
      key: 'cache.memory',
      kind: size,
      default: '64MiB',
      text: 'Memory for narinfos that stand ready to be sent.',
    }),
    priority: option({
      key: 'cache.priority',
      kind: integer({ least: 0, most: 2 ** 31 - 1, example: 30 }),
      default: 30,
      text: 'The Priority told to clients, who ask lower numbers first; cache.nixos.org says 40.',
    }),
    storeDir: option({
      key: 'cache.store_dir',
      kind: absoluteDirectory,
      default: '/nix/store',
      text: 'The store directory of clients and upstreams alike. Caches for another one cannot be mixed with it.',
      needsRestart: true,
    }),
    negativeTtlMs: option({
      key: 'cache.negative_ttl',
      kind: duration,
      default: '30s',
      text: 'How long it is remembered that every upstream said it does not have a path. A failed upstream is never remembered as an absent path.',
    }),
  },
  prefetch: {
    narinfos: option({
      key: 'prefetch.narinfos',
      kind: flag,
      default: true,
      text: 'Fetches the narinfos of what a path refers to before the client asks for them.',
    }),
    nars: option({
      key: 'prefetch.nars',
      kind: flag,
      default: true,
      text: 'Once a client downloads its first NAR, fetches the NARs of the other narinfos it has asked for. A dry run downloads nothing.',
    }),
    maxConcurrent: option({
      key: 'prefetch.max_concurrent',
      kind: integer({ least: 1, most: 1000, example: 16 }),
      default: 16,
      text: 'Narinfos, and NARs, fetched ahead at the same time. What clients wait for always goes first.',
    }),
  },
  recompress: {
    enabled: option<boolean | 'auto'>({
      key: 'recompress.enabled',
      kind: flagOrAuto,
      default: 'auto',
      text: 'Compresses stored NARs anew with zstd, which clients unpack several times faster than xz. "auto" looks at the machine, works only while that has nothing better to do, and the log says what it decided and why; true does it all the same.',
    }),
    level: option({
      key: 'recompress.level',
      kind: integer({ least: 1, most: 19, example: 3 }),
      default: 3,
      text: 'Level of zstd: higher is smaller and slower, for the server only.',
    }),
    workers: option({
      key: 'recompress.workers',
      kind: integer({ least: 1, most: 64, example: 1 }),
      default: 1,
      text: 'NARs compressed anew at the same time, each on a core of its own, and only while the machine has nothing better to do.',
      needsRestart: true,
    }),
  },
  signing: {
    keyFile: option<string | undefined>({
      key: 'signing.key_file',
      kind: textKind('a file name such as "/var/lib/narwhal-keys/cache.lan-1.secret"'),
      default: undefined,
      example: '/var/lib/narwhal-keys/cache.lan-1.secret',
      text: 'Secret key in Nix\'s format, made by "narwhal keygen". It signs what is pushed here and no believed key has signed; clients need its public key.',
    }),
  },
  auth: {
    tokensFile: option<string | undefined>({
      key: 'auth.tokens_file',
      kind: textKind('a file name such as "/var/lib/narwhal-keys/tokens.json"'),
      default: undefined,
      example: '/var/lib/narwhal-keys/tokens.json',
      text: 'File of tokens, made by "narwhal token create". With it, who has a token may push paths ("nix copy --to") and delete them; without it, nobody may.',
    }),
  },
  log: {
    level: option({
      key: 'log.level',
      kind: oneOf(logLevels),
      default: 'info',
      text: 'The least important messages still written: "trace", "debug", "info", "warn", "error", "fatal" or "silent".',
      flag: { name: 'log-level', value: 'LEVEL' },
    }),
    format: option({
      key: 'log.format',
      kind: oneOf(logFormats),
      default: 'auto',
      text: '"json" for machines, "text" for people, "auto" for text on a terminal and JSON elsewhere.',
      needsRestart: true,
    }),
  },
  limits: {
    maxClients: option({
      key: 'limits.max_clients',
      kind: integer({ least: 1, most: 1_000_000, example: 4096 }),
      default: 4096,
      text: 'Client connections open at once; more are turned away.',
    }),
    upstreamConnections: option({
      key: 'limits.upstream_connections',
      kind: integer({ least: 1, most: 10_000, example: 64 }),
      default: 64,
      text: 'Connections to each upstream open at once. Of two or more, NARs leave a quarter to narinfos, and narinfos to NARs; with a single one, each waits for the other.',
    }),
    maxDownloads: option({
      key: 'limits.max_downloads',
      kind: integer({ least: 1, most: 10_000, example: 16 }),
      default: 16,
      text: 'NARs fetched from upstreams at once; more wait their turn.',
    }),
    maxUploadBytes: option({
      key: 'limits.max_upload',
      kind: size,
      default: '8GiB',
      text: 'The largest NAR that may be pushed, as it travels. Pushed NARs that wait for their narinfos may take four times as much, and a quarter of cache.max_size.',
    }),
    patienceMs: option({
      key: 'limits.patience',
      kind: duration,
      default: '10s',
      text: 'How long to hold out for upstreams that have all gone away, counted from when they went; requests for what is not cached then get 503.',
    }),
    drainMs: option({
      key: 'limits.drain',
      kind: duration,
      default: '90s',
      text: 'How long a stop waits for what is still being sent.',
    }),
  },
} as const

/** Every option of one [[upstream]]. */
export const upstreamOptions = {
  url: option<string | undefined>({
    key: 'url',
    kind: cacheUrl,
    default: undefined,
    example: nixosCache,
    text: 'Where the cache is: "https://…", "http://…" or a directory as "file:///…". Required.',
  }),
  priority: option({
    key: 'priority',
    kind: integer({ least: 0, most: 2 ** 31 - 1, example: 40 }),
    default: 40,
    text: 'Of two upstreams that have a path, the lower number is preferred.',
  }),
  publicKeys: option({
    key: 'public_keys',
    kind: list(publicKey, { example: [nixosKey] }),
    default: [],
    text: 'Public keys believed for this upstream, besides trusted_public_keys.',
  }),
  username: option<string | undefined>({
    key: 'username',
    kind: textKind('a user name such as "reader"'),
    default: undefined,
    example: 'reader',
    text: 'User name for HTTP Basic authentication; goes with password_file.',
  }),
  passwordFile: option<string | undefined>({
    key: 'password_file',
    kind: textKind('a file name such as "/run/secrets/cache-password"'),
    default: undefined,
    example: '/run/secrets/cache-password',
    text: 'File that holds the password and nothing else, so that no secret stands in this one.',
  }),
  bearerTokenFile: option<string | undefined>({
    key: 'bearer_token_file',
    kind: textKind('a file name such as "/run/secrets/cache-token"'),
    default: undefined,
    example: '/run/secrets/cache-token',
    text: 'File that holds a token for "Authorization: Bearer"; in place of username and password_file.',
  }),
  caFile: option<string | undefined>({
    key: 'ca_file',
    kind: textKind('a file name such as "/etc/ssl/own-ca.pem"'),
    default: undefined,
    example: '/etc/ssl/own-ca.pem',
    text: "Certificates in PEM format believed for this upstream's TLS, besides the usual ones. TLS is always verified.",
  }),
  verify: option({
    key: 'verify',
    kind: oneOf(verifications),
    default: 'signature',
    text: '"signature" passes on only what a believed key has signed. "none" believes this upstream whatever it sends: clients still check, but one bad answer is then kept for all of them.',
  }),
} as const

/** The upstreams as a plain list of addresses: how the environment and the flags give them. */
export const upstreamUrls = option({
  key: 'upstream',
  kind: list(cacheUrl, { example: [nixosCache], least: 1 }),
  default: [nixosCache],
  text: 'The caches behind this one, asked all at once; with none given, cache.nixos.org. In the environment and on the command line they are a plain list of addresses, which replaces the list of this file.',
  flag: { name: 'upstream', value: 'URL', repeatable: true },
})
