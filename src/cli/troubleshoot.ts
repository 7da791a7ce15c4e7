import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Branch, isBranch, type Topic } from '../advice/troubleshooting/symptom.ts'
import { AppError, errorTable, isAppError, isErrorCode } from '../errors.ts'
import { isStoreHash, parseBaseName, type StoreHash } from '../nix/store-path.ts'
import { exitCodes, paint, print, printJson } from './output.ts'
import { serverAddress } from './status.ts'

interface Flags {
  readonly auto?: boolean
  readonly url?: URL
  readonly storePath?: readonly StoreHash[]
  readonly config?: string
  readonly list?: boolean
  readonly json?: boolean
}

/** Adds `narwhal troubleshoot`: what goes wrong, how to tell it, what mends it; or it looks itself. */
export function addTroubleshoot(program: Command): void {
  const auto = new Option('--auto', 'look for it, as a client of the cache would').conflicts('list')
  const command = program
    .command('troubleshoot')
    .description('find out what is wrong, by questions or by looking')
    .argument('[SYMPTOM...]', 'an id from --list, an error code, or a message as Nix prints it')
    .option('--list', 'list all symptoms')
    .addOption(auto)
    .option('--url <URL>', 'with --auto: the cache, as in substituters', serverAddress)
    .option('--store-path <PATH>', 'with --auto: a path it should have (repeatable)', storePath)
    .option('--config <FILE>', 'with --auto, on the server: its configuration; looks at its files')
    .option('--json', 'write symptoms or checks as JSON')
    .addHelpText(
      'after',
      `
On a terminal it asks; in a pipe it writes all it knows. --auto only looks, and changes nothing;
it ends within ten seconds. Without --url it takes the first http substituter of nix.conf.

Exit code 0: no fault; 1: --auto found a fault; 2: no such symptom.`,
    )
  command.action(async (words: string[], flags: Flags) => {
    const hasAutoFlags = [flags.url, flags.storePath, flags.config].some((flag) => flag)
    if (hasAutoFlags && !flags.auto)
      throw new AppError('BAD_USAGE', '--url, --store-path and --config go with --auto')
    if (flags.auto && words.length > 0)
      throw new AppError('BAD_USAGE', '--auto looks for all symptoms: name none')
    if (flags.auto) await look(flags)
    else await tell(words.join(' '), flags)
  })
}

async function look({ url, storePath = [], config, json }: Flags): Promise<void> {
  const { runChecks } = await import('./troubleshoot/run-checks.ts')
  const { formatChecks } = await import('./troubleshoot/print-checks.ts')
  const report = await runChecks({
    url,
    storePaths: storePath,
    configFile: config,
    env: process.env,
  })
  if (json) printJson(report)
  else print(formatChecks(report, paint))
  process.exitCode = report.isWell ? exitCodes.ok : exitCodes.no
  // A name server or a host that never answers would hold this process for as long as it is asked.
  process.stdout.write('', () => process.exit())
}

async function tell(text: string, { list, json }: Flags): Promise<void> {
  const { findTopics } = await import('../advice/troubleshooting/search.ts')
  const { troubles } = await import('../advice/troubleshooting/tree.ts')
  const topics = text === '' ? [troubles] : findTopics(text)
  const [first] = topics
  const code = text.trim().toUpperCase()
  // Most errors need no more than what they say themselves.
  if (first === undefined && isErrorCode(code)) {
    if (json) printJson({ code, hint: errorTable[code] })
    else print(`${code}: ${errorTable[code]}`)
    return
  }
  if (first === undefined)
    throw new AppError('BAD_USAGE', `no symptom fits "${text}"; see narwhal troubleshoot --list`)
  if (json) return printJson(topics.length === 1 ? first : topics)
  const { outlineLines, symptomLines, topicLines } = await import('./troubleshoot/print-topic.ts')
  const isOne = topics.length === 1
  const lines = (topic: Topic) => (list ? outlineLines(topic, paint) : topicLines(topic, paint))
  if (isOne && isBranch(first) && !list && isTerminal()) return await ask(first)
  if (isOne && !isBranch(first)) return print(symptomLines(first, paint).join('\n'))
  if (isOne) return print(lines(first).join('\n').trimStart())
  print(topics.flatMap((topic) => outlineLines(topic, paint)).join('\n'))
}

async function ask(from: Branch): Promise<void> {
  const { walkTree } = await import('./troubleshoot/walk.ts')
  await walkTree({ from, input: process.stdin, output: process.stdout, paint })
}

function isTerminal(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY
}

function storePath(text: string, earlier: readonly StoreHash[] = []): readonly StoreHash[] {
  return [...earlier, hashOf(text)]
}

function hashOf(text: string): StoreHash {
  if (isStoreHash(text)) return text
  try {
    // Something in it will do: /nix/store/<hash>-<name>/bin/hello.
    const base = /([0-9a-z]{32}-[^/]+)/.exec(text)?.[1]
    return parseBaseName(base ?? text).hash
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new InvalidArgumentError('Give a store path, or the 32 characters of its hash.')
  }
}
