/** Where a client finds this server, and whose signatures it has to believe. */
export interface ClientFacts {
  /** "http://cache.lan:5000" */
  readonly address: string
  /** "name:base64" each; none when every upstream is believed without */
  readonly publicKeys: readonly string[]
}

/** What a person pastes to use this cache, by the place it goes to. Each works as it is. */
export interface NixSnippets {
  readonly nixConf: string
  readonly nixos: string
  readonly flake: string
  readonly oneOff: string
}

export function nixSnippets({ address, publicKeys }: ClientFacts): NixSnippets {
  const hasKeys = publicKeys.length > 0
  const settings = [
    `extra-substituters = ${address}`,
    ...(hasKeys ? [`extra-trusted-public-keys = ${publicKeys.join(' ')}`] : []),
  ]
  const options = [
    ['extra-substituters', address],
    ...(hasKeys ? [['extra-trusted-public-keys', publicKeys.join(' ')]] : []),
  ] as [string, string][]
  return {
    nixConf: lines(settings),
    nixos: lines([
      'nix.settings = {',
      ...list('substituters', [address]),
      ...(hasKeys ? list('trusted-public-keys', publicKeys) : []),
      '};',
    ]),
    flake: lines([
      'nixConfig = {',
      ...list('extra-substituters', [address]),
      ...(hasKeys ? list('extra-trusted-public-keys', publicKeys) : []),
      '};',
    ]),
    oneOff: lines([
      `nix build nixpkgs#hello ${options
        .map(([name, value]) => `\\\n  --option ${name} ${quoteForShell(value)}`)
        .join(' ')}`,
    ]),
  }
}

function lines(texts: readonly string[]): string {
  return texts.join('\n')
}

/** A setting that is a list of strings, in the Nix language. */
function list(name: string, values: readonly string[]): string[] {
  if (values.length === 1) return [`  ${name} = [ ${quoteForNix(values[0] as string)} ];`]
  return [`  ${name} = [`, ...values.map((value) => `    ${quoteForNix(value)}`), '  ];']
}

function quoteForNix(text: string): string {
  return `"${text.replace(/["\\]|\$(?=\{)/g, '\\$&')}"`
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
