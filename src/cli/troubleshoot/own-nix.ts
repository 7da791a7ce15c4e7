import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { readNix, settingsOf } from '../../host/nix-settings.ts'
import { programOutput } from '../../host/program-output.ts'

/** The Nix of this machine, as far as it decides whether a cache is used. */
export interface OwnNix {
  readonly version: string | undefined
  /** as this user has them: nix.conf of the machine and of the user together */
  readonly settings: Readonly<Record<string, string>>
  /** as the machine alone has them, which is what a daemon goes by */
  readonly machineSettings: Readonly<Record<string, string>>
  /** true where a daemon does the work, and decides what users may set */
  readonly hasDaemon: boolean
  readonly user: string
  readonly groups: readonly string[]
}

const patience = { timeoutMs: 3000 }

/** @returns undefined where there is no Nix */
export async function readOwnNix(): Promise<OwnNix | undefined> {
  const [nix, machineSettings, groups] = await Promise.all([
    readNix(),
    readMachineSettings(),
    programOutput('id', ['-Gn'], patience),
  ])
  if (Object.keys(nix.settings).length === 0) return undefined
  return {
    ...nix,
    machineSettings,
    hasDaemon: process.getuid?.() !== 0 && hasDaemon(),
    user: nameOfUser(),
    groups: (groups ?? '').trim().split(/\s+/),
  }
}

/** What holds without the user's own files: an empty list of them is what Nix goes by. */
async function readMachineSettings(): Promise<Readonly<Record<string, string>>> {
  const allow = ['--extra-experimental-features', 'nix-command']
  const run = (...args: string[]) =>
    programOutput('env', ['NIX_USER_CONF_FILES=', 'nix', ...allow, ...args], patience)
  return settingsOf((await run('config', 'show')) ?? (await run('show-config')) ?? '')
}

/** Where Nix itself looks when nothing is said (store = auto). */
function hasDaemon(): boolean {
  return process.env.NIX_REMOTE === 'daemon' || existsSync('/nix/var/nix/daemon-socket/socket')
}

function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? '')
  }
}

/** A setting that is a list. */
export function listOf(settings: Readonly<Record<string, string>>, name: string): string[] {
  return (settings[name] ?? '').split(/\s+/).filter(Boolean)
}

/** A substituter in one spelling, without login and options: two of them can be compared. */
export function plainAddress(text: string): string | undefined {
  const url = URL.parse(text)
  return url === null
    ? undefined
    : `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`
}
