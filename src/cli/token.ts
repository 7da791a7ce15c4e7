import { randomBytes } from 'node:crypto'
import { type Command, InvalidArgumentError } from 'commander'
import { AppError } from '../errors.ts'
import {
  formatToken,
  hasExpired,
  isTokenName,
  saltBytes,
  type TokenRecord,
  tokenBytes,
  tokenRecord,
} from '../policy/token.ts'
import { readTokens } from '../server/tokens.ts'
import { parseDuration } from '../units.ts'
import { loadConfigFrom } from './load-config.ts'
import { alignRows, exitCodes, print, printJson, tell } from './output.ts'
import { changeTokens } from './token/change-tokens.ts'

interface Flags {
  readonly tokensFile?: string
  readonly config?: string
  /** milliseconds */
  readonly expires?: number
  readonly json?: boolean
}

/** What a date can be told of, and longer than anybody waits. */
const maxDurationMs = 36_500 * 86_400_000

const reminder =
  'a running narwhal hears of it at its next reload: systemctl reload narwhal, or SIGHUP'

/** Adds `narwhal token`: who may push. */
export function addToken(program: Command): void {
  const token = program
    .command('token')
    .description('make, list and revoke tokens, with which paths are pushed and deleted')
  const create = withFile(token.command('create'))
    .description('make a token, and show it this once')
    .argument('<NAME>', 'whose it is, for the log and to revoke it: ci, laptop-anna', tokenName)
    .option('--expires <DURATION>', 'until when it counts: "90d" from now', duration)
    .option('--json', 'write the token as JSON')
    .addHelpText(
      'after',
      '\nThe file keeps a salted hash only. It is made where there is none, with mode 0600.',
    )
  create.action((name: string) => createToken(name, create.opts<Flags>()))
  const list = withFile(token.command('list'))
    .description('list tokens, without what they are')
    .option('--json', 'write them as JSON')
  list.action(() => listTokens(list.opts<Flags>()))
  const revoke = withFile(token.command('revoke'))
    .description('make a token count no longer')
    .argument('<NAME>', 'as token list shows it')
  revoke.action((name: string) => revokeToken(name, revoke.opts<Flags>()))
}

function withFile(command: Command): Command {
  return command
    .option('--tokens-file <FILE>', 'where the tokens are; by default auth.tokens_file')
    .option('--config <FILE>', 'configuration that names the file')
}

async function createToken(name: string, flags: Flags): Promise<void> {
  const file = fileOf(flags)
  const token = formatToken(randomBytes(tokenBytes))
  const now = Date.now()
  const expires = flags.expires === undefined ? undefined : toText(now + flags.expires)
  const facts = { name, created: toText(now), ...(expires === undefined ? {} : { expires }) }
  await changeTokens(file, (tokens) => {
    if (tokens.some((other) => other.name === name))
      throw new AppError('BAD_USAGE', `there is a token ${name} already: revoke it first`)
    return [...tokens, tokenRecord(token, facts, randomBytes(saltBytes))]
  })
  if (flags.json) printJson({ ...facts, token, tokensFile: file })
  else print(token)
  tell(`for netrc: machine <host of narwhal> login ${name} password <the token>`)
  tell(`${file} has its hash only: nobody can show it again; ${reminder}`)
}

async function listTokens(flags: Flags): Promise<void> {
  const tokens = await readTokens(fileOf(flags))
  if (flags.json) {
    const now = Date.now()
    printJson(
      tokens.map((token) => ({
        ...{ name: token.name, created: token.created, expires: token.expires },
        hasExpired: hasExpired(token, now),
      })),
    )
  } else if (tokens.length > 0) print(alignRows(tokens.map((token) => [token.name, facts(token)])))
}

function facts(token: TokenRecord): string {
  const { created, expires } = token
  const verb = hasExpired(token, Date.now()) ? 'expired' : 'expires'
  return `made ${created}${expires === undefined ? '' : `, ${verb} ${expires}`}`
}

async function revokeToken(name: string, flags: Flags): Promise<void> {
  const file = fileOf(flags)
  const isThere = (await readTokens(file)).some((token) => token.name === name)
  if (!isThere) {
    tell(`there is no token ${name} in ${file}`)
    process.exitCode = exitCodes.no
    return
  }
  await changeTokens(file, (tokens) => tokens.filter((token) => token.name !== name))
  tell(`revoked ${name}; ${reminder}`)
}

function fileOf({ tokensFile, config }: Flags): string {
  const file = tokensFile ?? loadConfigFrom({ config, flags: {} }).auth.tokensFile
  if (file !== undefined) return file
  throw new AppError('BAD_USAGE', 'give --tokens-file, or --config with auth.tokens_file in it')
}

function tokenName(text: string): string {
  if (isTokenName(text)) return text
  throw new InvalidArgumentError('Use letters, digits, ".", "_", "@" and "-", such as ci.')
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= maxDurationMs) return ms
  throw new InvalidArgumentError('Give a duration such as "12h" or "90d", of 36500 days at most.')
}

/** @param ms since 1970 */
function toText(ms: number): string {
  return new Date(ms).toISOString()
}
