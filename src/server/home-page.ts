import { nixSnippets } from './nix-snippets.ts'

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

/**
 * The page for browsers. All that is alive in it comes later, by events; what a newcomer needs is
 * there without scripts.
 *
 * @param template HTML with {{names}} of what is filled in, escaped
 * @param address under which the browser has reached this server
 */
export function homeHtml(template: string, facts: HomeFacts, address: string): string {
  const { version, upstreams, publicKeys } = facts
  const values: Readonly<Record<string, string>> = {
    version,
    address,
    host: address.replace(/^https?:\/\//, ''),
    upstreams: upstreams.join(', ') || 'nothing',
    ...nixSnippets({ address, publicKeys }),
  }
  return template.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => escapeHtml(values[name] ?? ''))
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign] as string)
}
