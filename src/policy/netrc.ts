export interface Login {
  readonly username: string
  readonly password: string
}

/**
 * Reads a netrc file, as curl and Nix do: words in any layout, `machine NAME login USER password
 * WORD`, `default` for every other machine, comments from `#` on, macros skipped to their blank line.
 *
 * @returns the login for `host`; undefined when the file has none that is complete
 */
export function loginFor(netrc: string, host: string): Login | undefined {
  const text = netrc.replace(/^macdef .*\n(?:.+\n)*/gm, '').replace(/(^|\s)#.*$/gm, '')
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g)?.map(unquote) ?? []
  let isOurs = false
  let username: string | undefined
  let password: string | undefined
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]
    if (word === 'machine' || word === 'default') {
      if (isOurs) break
      isOurs = word === 'default' || words[at + 1] === host
      if (word === 'machine') at += 1
    } else if (word === 'login' || word === 'password' || word === 'account') {
      at += 1
      if (isOurs && word === 'login') username = words[at]
      if (isOurs && word === 'password') password = words[at]
    }
  }
  return username === undefined || password === undefined ? undefined : { username, password }
}

function unquote(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word
}
