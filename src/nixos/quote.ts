/** Words of the language that cannot stand as an attribute name (lexer.l of Nix). */
const keywords = new Set([
  'if',
  'then',
  'else',
  'assert',
  'with',
  'let',
  'in',
  'rec',
  'inherit',
  'or',
])

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '${': '\\${',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/**
 * Writes text as a string of the Nix language that evaluates to exactly that text.
 *
 * A bare CR would be read as LF, so it is written as an escape.
 *
 * @throws RangeError when the text holds NUL or half a surrogate pair: no Nix string can
 */
export function quote(text: string): string {
  checkText(text)
  return `"${text.replace(/\$\{|["\\\n\r\t]/g, (found) => escapes[found] as string)}"`
}

/** Writes the name of an attribute, between quotes where the language asks for them. */
export function attributeName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_'-]*$/.test(name) && !keywords.has(name) ? name : quote(name)
}

/** Writes a path of attributes: boot.kernel.sysctl."vm.swappiness". */
export function attributePath(path: readonly string[]): string {
  return path.map(attributeName).join('.')
}

/**
 * Writes text of several lines between pairs of single quotes, each line indented.
 *
 * Nix takes the common indentation away again; that is exact only where a line begins without a
 * space and nothing in the text runs into the escapes. All other text is written by `quote`.
 *
 * @param indent what every line starts with: spaces
 */
export function quoteLines(text: string, indent: string): string {
  checkText(text)
  if (!isExactAsLines(text)) return quote(text)
  const escaped = text.replaceAll("''", "'''").replaceAll('${', "''${")
  const body = escaped.slice(0, -1).split('\n')
  const indented = body.map((line) => (line === '' ? '' : `${indent}  ${line}`))
  return `''\n${indented.join('\n')}\n${indent}''`
}

function isExactAsLines(text: string): boolean {
  if (!text.endsWith('\n') || text.indexOf('\n') === text.length - 1) return false
  // A quote before ${ would read as another escape; other control characters stay escapes.
  if (/'\$|[^\P{Cc}\t\n]/u.test(text)) return false
  return text.split('\n').some((line) => /^[^ ]/.test(line))
}

function checkText(text: string): void {
  if (text.includes('\0')) throw new RangeError('a Nix string cannot hold a NUL character')
  if (!text.isWellFormed()) throw new RangeError('a Nix string cannot hold half a surrogate pair')
}
