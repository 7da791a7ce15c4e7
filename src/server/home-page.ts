export interface HomeFacts {
  readonly version: string
  readonly upstreams: readonly string[]
  readonly publicKeys: readonly string[]
}

/** What a person who opens the address with curl reads: what this is, and the nix.conf lines to use it. */
export function homePage({ version, upstreams, publicKeys }: HomeFacts): string {
  return [
    `narwhal ${version}, a caching proxy for Nix binary caches`,
    '',
    `in front of: ${upstreams.join(' ') || 'nothing'}`,
    '',
    'To use it, add this to nix.conf, with the address you reached this page at:',
    '',
    '  extra-substituters = http://<this host>:<port>',
    `  extra-trusted-public-keys = ${publicKeys.join(' ')}`,
    '',
  ].join('\n')
}
