import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ProgramRun, runProgram } from '../support/program-run.ts'

type Setting = string | number | boolean | readonly (string | number)[]
type Section = Readonly<Record<string, Setting>>

/** A service or socket as NixOS options describe it. */
export interface UnitOptions {
  readonly description?: string
  readonly wants?: readonly string[]
  readonly after?: readonly string[]
  readonly requires?: readonly string[]
  readonly wantedBy?: readonly string[]
  readonly unitConfig?: Section
  readonly serviceConfig?: Section
  readonly environment?: Readonly<Record<string, string>>
  readonly script?: string
  readonly listenStreams?: readonly string[]
  readonly socketConfig?: Section
}

/** Writes a unit file from options, as NixOS does. */
export function renderUnit(unit: UnitOptions): string {
  const service: Section = {
    ...(unit.environment && {
      Environment: Object.entries(unit.environment).map(([name, value]) => `"${name}=${value}"`),
    }),
    ...(unit.script !== undefined && { ExecStart: '/bin/true' }),
    ...unit.serviceConfig,
  }
  const socket: Section = {
    ...(unit.listenStreams && { ListenStream: unit.listenStreams }),
    ...unit.socketConfig,
  }
  return [
    section('Unit', {
      ...(unit.description && { Description: unit.description }),
      ...(unit.wants && { Wants: unit.wants.join(' ') }),
      ...(unit.after && { After: unit.after.join(' ') }),
      ...(unit.requires && { Requires: unit.requires.join(' ') }),
      ...unit.unitConfig,
    }),
    section('Service', service),
    section('Socket', socket),
    section('Install', { ...(unit.wantedBy && { WantedBy: unit.wantedBy.join(' ') }) }),
  ].join('')
}

function section(name: string, settings: Section): string {
  const lines = Object.entries(settings).flatMap(([key, value]) =>
    [value].flat().map((one) => `${key}=${one}`),
  )
  return lines.length === 0 ? '' : `[${name}]\n${lines.join('\n')}\n\n`
}

/**
 * Lets systemd itself judge units: what is wrong with one it writes to stderr, and exits with 0.
 *
 * @param units text by file name; programs out of a Nix store are taken for there
 */
export async function verifyUnits(
  dir: string,
  units: Readonly<Record<string, string>>,
): Promise<ProgramRun> {
  const paths = await writeUnits(dir, units)
  return runProgram('systemd-analyze', ['verify', '--man=no', ...paths], { env: environment() })
}

/** The figure `systemd-analyze security` puts under a service: 0 is locked up, 10 is open. */
export async function exposureOf(dir: string, name: string, text: string): Promise<number> {
  const [path = ''] = await writeUnits(dir, { [name]: text })
  const args = ['security', '--offline=true', '--no-pager', path]
  const { stdout, stderr } = await runProgram('systemd-analyze', args, { env: environment() })
  const match = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout)
  if (!match) throw new Error(`systemd-analyze gave no figure:\n${stdout}${stderr}`)
  return Number(match[1])
}

async function writeUnits(dir: string, units: Readonly<Record<string, string>>): Promise<string[]> {
  const program = join(dir, 'bin/program')
  await mkdir(join(dir, 'bin'), { recursive: true })
  await writeFile(program, '#!/bin/sh\n')
  await chmod(program, 0o755)
  const paths: string[] = []
  for (const [name, text] of Object.entries(units)) {
    const path = join(dir, name)
    await writeFile(path, text.replaceAll(/=\/nix\/store\/\S+\/bin\/\S+/g, `=${program}`))
    paths.push(path)
  }
  return paths
}

function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', SYSTEMD_LOG_COLOR: '0' }
}
