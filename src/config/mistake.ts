/** The way to a value in TOML: names of tables and keys, and positions in lists. */
export type KeyPath = readonly (string | number)[]

/** Something wrong in the configuration, told so that it can be mended without guessing. */
export interface Mistake {
  /** the file's name, "environment" or "command line" */
  readonly source: string
  /** counted from 1; only in a file, and only where it is known */
  readonly line?: number
  /** the key, variable or flag; empty where none is concerned */
  readonly key: string
  readonly message: string
  /** what was probably meant, ready to be pasted */
  readonly suggestion?: string
}

/** What is wrong with one value; `index` is the place in a list. */
export type Problem = Pick<Mistake, 'message' | 'suggestion'> & { readonly index?: number }

/** Takes note of a problem; returns undefined so that a reader can return it in place of a value. */
export type Complain = (problem: Problem) => undefined

/** Writes a path as TOML would: `upstream[0].url`, `"odd key".x`. */
export function formatKey(path: KeyPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += `${text && '.'}${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`
  }
  return text
}

/** One line for each mistake: `narwhal.toml:12: cache.max_sise: unknown key (did you mean max_size?)`. */
export function formatMistakes(mistakes: readonly Mistake[]): string {
  return mistakes.map(formatMistake).join('\n')
}

function formatMistake({ source, line, key, message, suggestion }: Mistake): string {
  const place = line === undefined ? source : `${source}:${line}`
  const hint = suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`
  return [place, key, `${message}${hint}`].filter(Boolean).join(': ')
}
