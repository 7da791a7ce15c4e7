import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { AppError, messageOf } from '../errors.ts'
import { formatPublicKey, formatSecretKey, generateSecretKey } from '../nix/signature.ts'
import { exitCodes, print, printJson, tell } from './output.ts'

interface Flags {
  readonly out?: string
  readonly secret?: string
  readonly public?: string
  readonly json?: boolean
}

interface KeyFiles {
  readonly secretFile: string
  readonly publicFile: string
}

/** Adds `narwhal keygen`: a key pair in Nix's format, to sign what clients shall trust. */
export function addKeygen(program: Command): void {
  const command = program
    .command('keygen')
    .description("make a signing key pair in Nix's format")
    .argument('<NAME>', 'name of the key, by custom the host and a number: cache.lan-1', keyName)
    .addOption(new Option('--out <DIR>', 'write NAME.secret and NAME.public there (default: here)'))
    .addOption(new Option('--secret <FILE>', 'write the secret key there').conflicts('out'))
    .addOption(new Option('--public <FILE>', 'write the public key there').conflicts('out'))
    .option('--json', 'write names and public key as JSON')
    .addHelpText('after', '\nExisting files are never overwritten. The secret file has mode 0600.')
  command.action((name: string, flags: Flags) => {
    if ((flags.secret === undefined) !== (flags.public === undefined))
      command.error('error: --secret and --public go together', { exitCode: exitCodes.usage })
    keygen(name, flags)
  })
}

function keygen(name: string, flags: Flags): void {
  const { out = '.', secret, public: publicFlag, json } = flags
  const files = {
    secretFile: secret ?? join(out, `${name}.secret`),
    publicFile: publicFlag ?? join(out, `${name}.public`),
  }
  const key = generateSecretKey(name)
  const publicKey = formatPublicKey(key.publicKey)
  writePair(files, { secret: formatSecretKey(key), public: publicKey })
  const nixConf = `extra-trusted-public-keys = ${publicKey}`
  if (json) printJson({ name, publicKey, nixConf, ...files })
  else {
    print(publicKey)
    print(nixConf)
  }
  tell(`secret key: ${files.secretFile} (keep it secret, keep a copy)`)
  tell(`public key: ${files.publicFile} (the nix.conf line goes to every client)`)
}

/** Writes both files or neither. Like Nix's own, they end without a newline. */
function writePair(files: KeyFiles, texts: { secret: string; public: string }): void {
  writeNew(files.secretFile, texts.secret, 0o600)
  try {
    writeNew(files.publicFile, texts.public, 0o644)
  } catch (error) {
    rmSync(files.secretFile)
    throw error
  }
}

/**
 * Writes a file that must not exist yet; on a failure nothing is left of it.
 *
 * @throws AppError FILE_EXISTS, CANNOT_WRITE
 */
function writeNew(path: string, text: string, mode: number): void {
  const descriptor = openNew(path, mode)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } catch (cause) {
    rmSync(path)
    throw new AppError('CANNOT_WRITE', `cannot write ${path}: ${messageOf(cause)}`, { cause })
  } finally {
    closeSync(descriptor)
  }
}

function openNew(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new AppError('FILE_EXISTS', `${path} is there already`, { cause })
    throw new AppError('CANNOT_WRITE', `cannot write ${path}: ${messageOf(cause)}`, { cause })
  }
}

/** The name becomes part of file names, of nix.conf and of every signature. */
function keyName(text: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,199}$/.test(text)) return text
  throw new InvalidArgumentError('Use letters, digits, ".", "_" and "-", such as cache.lan-1.')
}
