/**
 * Every failure a user or a program can meet, with what to do about it.
 *
 * A miss is `undefined`, never an error. Callers branch on `code`, never on text.
 */
const hints = {
  // the protocol (src/nix)
  BAD_BASE32: 'Nix base32 uses 0-9 and a-z without e, o, t and u.',
  BAD_HASH: 'Write a hash as "sha256:<nix32, hex or base64>" or in SRI form "sha256-<base64>".',
  BAD_STORE_PATH: 'A store path is <store dir>/<32 base32 characters>-<name>.',
  BAD_NARINFO: 'The cache that serves this narinfo must repair or delete it.',
  BAD_KEY: 'A key is "<name>:<base64>", as nix-store --generate-binary-cache-key writes it.',
  BAD_SIGNATURE: 'A signature is "<key name>:<base64 of 64 bytes>".',
  BAD_NAR: 'The archive is damaged; fetch it again.',
  BAD_LISTING: 'The cache that serves this .ls listing must repair or delete it.',
  BAD_CACHE_INFO: 'A cache must serve /nix-cache-info with "StoreDir: …" as its first fact.',
  BAD_REALISATION: 'The cache that serves this realisation must repair or delete it.',

  // configuration
  BAD_SIZE: 'Give a size such as "200GiB".',
  BAD_CONFIG: 'Mend the lines named above; config/narwhal.toml shows every option.',
  CONFIG_UNREADABLE: 'Check the path given with --config, and who may read it.',

  SECRET_UNREADABLE:
    'Check the path and that narwhal may read the file; see netrc_file, password_file, bearer_token_file, ca_file, signing.key_file.',

  // upstreams and what they send
  UNTRUSTED: "Add the upstream's public key to trusted_public_keys or to its public_keys.",
  WRONG_STORE_PATH:
    'The upstream answered with another path than the one asked for; report it there.',
  FOREIGN_URL: 'The narinfo points outside its own cache; narwhal follows no such link.',
  UPSTREAM_UNREACHABLE: "Check the network, and the upstream's url in the configuration.",
  UPSTREAM_STATUS: 'The upstream is in trouble; narwhal asks the others and tries again later.',
  UPSTREAM_BUSY: 'The upstream asked for patience; narwhal leaves it alone for as long as it said.',
  UPSTREAM_MALFORMED: 'The upstream broke the protocol; narwhal asks the others.',
  UPSTREAM_CUT_SHORT:
    'The upstream ended before the whole file was there; narwhal resumes or asks the others.',
  UPSTREAM_STALLED: 'The upstream fell silent; narwhal asks the others, then tries again.',
  CORRUPT: 'The bytes do not match their hash; the upstream holds a damaged file.',
  CHECK_FAILED:
    'Fetch the file again. If it happens often, the machine may be short of memory: see the log.',
  UNVERIFIABLE: 'Neither FileHash nor a compression narwhal can unpack is known for this file.',

  NO_ANSWER: 'Every upstream is away; what is cached is still served. Check the network.',
  UNSURE: 'An upstream that might have it could not say; ask again once it is back.',
  NAR_GONE: 'The upstreams have deleted this file; ask for its narinfo again.',
  NAR_UNKNOWN:
    'Nothing to do: Nix asks so before it pushes. Who wants a path asks for its narinfo.',

  // the disk
  LOCKED: 'Stop the other narwhal, or give this one a data_dir of its own.',
  PASSED_ON: 'Ask again: the disk cannot keep this file now; it is fetched anew for who asks.',
  IN_USE: 'Stop the server for as long as this takes, or give another data directory.',
  NO_DATA: 'Name it with --data-dir, or with data_dir in the file given with --config.',
  INDEX_LOST: 'Nothing to do: narwhal finds it again in cache/.',
  DISK: 'Check the data directory: free space, permissions, health of the disk.',

  // clients
  BUSY: 'Clients try again by themselves. If it lasts: raise limits.max_clients and the open-file limit (LimitNOFILE).',
  CLIENT_GONE: 'Nothing to do: a client ended its own request.',

  // pushing
  UPLOADS_OFF:
    'Make a token with "narwhal token create NAME --tokens-file FILE", name the file in auth.tokens_file, and reload.',
  UPLOAD_DENIED:
    'Give a token that counts: as password in netrc (nix: netrc-file), or as "Authorization: Bearer". Tokens are made with "narwhal token create".',
  UPLOAD_REFUSED: 'Push it again; if it is refused again, it is damaged where it comes from.',
  UPLOAD_UNSIGNED:
    'Set signing.key_file, so that narwhal signs what is pushed; or sign it first with "nix store sign" and a key of trusted_public_keys.',
  UPLOAD_CONFLICT:
    'Delete the path here first if the pushed one is to take its place: curl -X DELETE, with a token, on its narinfo.',
  UPLOAD_TOO_LARGE: 'Raise limits.max_upload if it is to be taken.',
  NO_ROOM:
    'Raise cache.max_size, free space on the disk, or delete pushed paths: narwhal gc --origin.',
  TOKENS_UNREADABLE:
    'Check auth.tokens_file: narwhal must be able to read it, and nobody but its owner and group (chmod 600). "narwhal token create" makes it.',

  // the command line
  BAD_USAGE: 'See narwhal --help.',
  BAD_MACHINE:
    'Mend what is named above; "narwhal diagnose --json" prints a machine as --machine reads it.',
  BAD_PRICES:
    'Mend the lines named above, or check the path given with --prices; config/prices.toml shows the form.',
  FILE_EXISTS: 'Choose another place, or move the old file away first.',
  CANNOT_WRITE: 'Check that the directory is there, who may write to it, and the free space.',
  CANNOT_LISTEN: 'Free the address, or choose another with --listen or listen = ["host:port"].',
  NO_CACHE:
    'Give the address of a binary cache as it stands in substituters: http://cache.lan:5000.',
  NOTHING_TO_ASK:
    'Give store paths that every cache has with --path, or run it where Nix has some.',
  NO_SERVER: 'Is "narwhal serve" running? Give its address with --url.',
  LINK_SILENT:
    'Run "narwhal direct-network --validate --listen" on the other end; check the cable, both addresses (ip address) and the firewall there.',
  NO_TRACES: 'Check OTEL_EXPORTER_OTLP_ENDPOINT and that the collector runs.',
  EXPERIMENT_OPEN: 'Decide about it first: narwhal experiment keep, or narwhal experiment revert.',
  NO_EXPERIMENT: 'Begin one with narwhal experiment start NAME --change "what will be changed".',
  NOT_MEASURED: 'Measure first: narwhal experiment measure.',
  COMMAND_FAILED: 'Run it by itself to see why; only what succeeds can be timed.',
  JOURNAL_UNREADABLE: 'Check the path given with --journal, and who may read it.',
  SERVE_FAILED: 'Run "narwhal serve" by itself to see what stops it.',
} as const

export type ErrorCode = keyof typeof hints

/** A failure with a stable code, a sentence for people, and a hint that says what to do. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  /** How long an upstream asked to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; retryAfterMs?: number },
  ) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
  }

  get hint(): string {
    return hints[this.code]
  }
}

/** Faults that say an upstream is in trouble, not that one answer of it is wrong: they pass by themselves. */
export const upstreamTroubles = [
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_STATUS',
  'UPSTREAM_BUSY',
  'UPSTREAM_CUT_SHORT',
  'UPSTREAM_STALLED',
] as const satisfies readonly ErrorCode[]

/** True when `error` is an AppError, of one of `codes` where any are given. */
export function isAppError(error: unknown, ...codes: ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code))
}

/** What an error says, for logs and answers: never a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Every code with its hint. */
export const errorTable: Readonly<Record<ErrorCode, string>> = hints

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(hints, text)
}

/** True when the process has no descriptor left: that says nothing about the disk, nor about an upstream. */
export function isOutOfDescriptors(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EMFILE' || code === 'ENFILE'
}
