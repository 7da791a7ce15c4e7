import type { UpstreamConfig } from './config.ts'
import { formatKey, type KeyPath, type Problem } from './mistake.ts'
import { upstreamOptions, upstreamUrls } from './options.ts'
import {
  defaultOf,
  fileLayer,
  type Layer,
  type Report,
  readOption,
  readOptions,
} from './read-options.ts'
import type { ParsedToml } from './toml.ts'
import { findUnknownKeys, isTable } from './unknown-keys.ts'

/** An upstream and where it was given. */
interface Placed {
  readonly upstream: UpstreamConfig
  complain(problem: Problem & { readonly key?: string }): void
}

/**
 * Reads the upstreams: those of the file, unless the environment or the command line gives a list.
 *
 * @param known every key of the file, for "did you mean"
 */
export function readUpstreams(
  from: { file: ParsedToml; layers: readonly Layer[]; known: readonly string[] },
  report: Report,
): readonly UpstreamConfig[] {
  const inFile = readTables(from.file, from.known, report)
  let chosen = inFile
  for (const layer of from.layers) {
    const given = layer(upstreamUrls)
    if (given === undefined) continue
    const urls = readOption(upstreamUrls, [() => given], report)
    chosen = urls.map((url) => ({
      upstream: withUrl(url),
      complain: (problem) => report({ ...given.place(), ...problem }),
    }))
    findDuplicates(chosen)
  }
  return chosen.length > 0
    ? chosen.map(({ upstream }) => upstream)
    : defaultOf(upstreamUrls).map(withUrl)
}

function readTables(file: ParsedToml, known: readonly string[], report: Report): Placed[] {
  if (!Object.hasOwn(file.table, 'upstream')) return []
  const given = file.table.upstream
  const complainAt = (path: KeyPath, problem: Problem) =>
    report({ ...file.place(path), ...problem })
  if (!Array.isArray(given) || given.length === 0 || !given.every(isTable)) {
    const message = 'each upstream is a table of its own, below [[upstream]] in double brackets'
    complainAt(['upstream'], { message })
    return []
  }
  const placed = given.flatMap((table, index) => {
    const at = ['upstream', index]
    for (const { path, ...problem } of findUnknownKeys(table, known, at)) complainAt(path, problem)
    const values = readOptions(upstreamOptions, [fileLayer({ ...file, table }, at)], report)
    const complain: Placed['complain'] = ({ key, ...problem }) =>
      complainAt(key === undefined ? at : [...at, key], problem)
    // What seems to be missing may stand in the line that could not be read.
    const damaged = file.mistakes.some(({ key }) => key === '' || key.startsWith(formatKey(at)))
    if (!damaged) checkPresence(Object.keys(table), values.url, complain)
    return values.url === undefined ? [] : [{ upstream: { ...values, url: values.url }, complain }]
  })
  findDuplicates(placed)
  return placed
}

/** Checks that what is needed is there, and that what excludes each other is not. */
function checkPresence(
  keys: readonly string[],
  url: string | undefined,
  complain: Placed['complain'],
): void {
  const [username, password, token] = ['username', 'password_file', 'bearer_token_file'].map(
    (key) => keys.includes(key),
  )
  if (!keys.includes('url'))
    complain({ message: `has no url, such as url = "${upstreamOptions.url.example}"` })
  if (username && !password)
    complain({ key: 'username', message: 'needs a password_file beside it' })
  if (password && !username)
    complain({ key: 'password_file', message: 'needs a username beside it' })
  if (token && (username || password))
    complain({
      key: 'bearer_token_file',
      message: 'excludes username and password_file: a request carries one or the other',
    })
  if (url?.startsWith('file:') && (username || password || token))
    complain({ message: 'a directory takes no credentials' })
}

function findDuplicates(placed: readonly Placed[]): void {
  const seen = new Set<string>()
  for (const { upstream, complain } of placed) {
    if (seen.has(upstream.url)) complain({ message: `${upstream.url} is given twice` })
    seen.add(upstream.url)
  }
}

function withUrl(url: string): UpstreamConfig {
  return { ...readOptions(upstreamOptions, [], () => {}), url }
}
