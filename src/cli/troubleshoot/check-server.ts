import { constants, existsSync } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatAddress } from '../../config/address.ts'
import type { Config } from '../../config/config.ts'
import { formatMistakes } from '../../config/mistake.ts'
import { isAppError } from '../../errors.ts'
import { countOomKills } from '../../host/oom-kills.ts'
import { ownerOfPort } from '../../host/port-owner.ts'
import { programOutput } from '../../host/program-output.ts'
import { layoutOf } from '../../store/layout.ts'
import { takeLock } from '../../store/lock.ts'
import { formatSize, resolveAmount } from '../../units.ts'
import { readConfigFrom } from '../load-config.ts'
import { type Check, fault, ok, unchecked, warning } from './check.ts'

export interface ServerFacts {
  /** path of the configuration file; undefined where none was named */
  readonly configFile: string | undefined
  /** a cache answers at the address under test */
  readonly isAnswering: boolean
}

/** What can be seen of the server only on its own machine. */
export async function checkServer(facts: ServerFacts): Promise<readonly Check[]> {
  const { configFile } = facts
  const machine = await Promise.all([checkUnit(), checkOomKills()])
  if (configFile === undefined)
    return [
      unchecked('config', "For the server's files give its configuration: --config FILE."),
      ...machine,
    ]
  const { check, config } = checkConfig(configFile)
  if (config === undefined) return [check, ...machine]
  const dataDir = resolve(config.dataDir)
  const files = await Promise.all([checkDataDir(dataDir), checkRoom(dataDir, config)])
  return [check, ...files, checkLock(dataDir, facts), checkPort(config, facts), ...machine]
}

function checkConfig(file: string): { check: Check; config?: Config } {
  const more = {
    todo: 'Mend each line, then check again:',
    lines: [`narwhal check-config --config ${file}`],
    symptom: 'bad-config',
  }
  try {
    const reading = readConfigFrom({ config: file, flags: {} })
    if (reading.ok)
      return { check: ok('config', `${file} has no mistakes.`), config: reading.config }
    const { length } = reading.mistakes
    const [first = ''] = formatMistakes(reading.mistakes).split('\n')
    const seen = `${first}${length > 1 ? `, and ${length - 1} more` : ''}.`
    return { check: fault('config', seen, more) }
  } catch (error) {
    if (!isAppError(error)) throw error
    return { check: fault('config', `${error.message}.`, { ...more, todo: error.hint }) }
  }
}

async function checkDataDir(dataDir: string): Promise<Check> {
  const name = 'data dir'
  const layout = layoutOf(dataDir)
  for (const directory of [layout.root, layout.cache, layout.nars, layout.temporary]) {
    const { code } = await access(directory, constants.W_OK).then(
      () => ({ code: '' }),
      (error: NodeJS.ErrnoException) => error,
    )
    if (code === 'ENOENT')
      return warning(name, `${directory} is not there yet.`, {
        todo: 'narwhal makes it at its first start. If it has run, data_dir names another place.',
      })
    if (code === 'EROFS')
      return fault(name, `${directory} is on a read-only file system.`, {
        todo: 'See why the kernel stopped writing: journalctl -k -p err.',
        symptom: 'sd-card-dying',
      })
    if (code === 'EACCES' && process.getuid?.() !== 0)
      return unchecked(name, `Whether it may be written only narwhal's user or root can tell.`)
    if (code)
      return fault(name, `${directory} cannot be written (${code}).`, {
        todo: 'Give it to the user narwhal runs as.',
        symptom: 'permission-denied',
      })
  }
  return ok(name, `${dataDir} can be written.`)
}

async function checkRoom(dataDir: string, { cache }: Config): Promise<Check> {
  const space = await statfs(dataDir).catch(() => undefined)
  if (space === undefined) return unchecked('room', `${dataDir} cannot be looked at.`)
  const freeBytes = space.bavail * space.bsize
  const minBytes = resolveAmount(cache.minFree, space.blocks * space.bsize)
  const inodes = space.files === 0 ? 1 : space.ffree / space.files
  const seen = `${formatSize(freeBytes)} free, ${Math.round(inodes * 100)} % of the inodes; cache.min_free is ${formatSize(minBytes)}`
  if (freeBytes >= minBytes && inodes > 0.01) return ok('room', `${seen}.`)
  return fault('room', `${seen}: something else fills this file system.`, {
    todo: 'Make room:',
    lines: ['nix-collect-garbage --delete-older-than 14d'],
    symptom: 'disk-full',
  })
}

/** A server holds its directory as long as it runs; to look, the lock is tried for a moment. */
function checkLock(dataDir: string, { isAnswering }: ServerFacts): Check {
  const { lock } = layoutOf(dataDir)
  const isHeld = tryLock(lock)
  if (isHeld === undefined) return unchecked('lock', `${lock} is not there, or not ours to try.`)
  if (isHeld === isAnswering)
    return ok('lock', isHeld ? 'A narwhal holds the data directory.' : 'Nobody holds it.')
  if (isHeld)
    return fault('lock', `Some process holds ${dataDir}, but no cache answers.`, {
      todo: `Find it (fuser -v ${lock}): verify and gc hold it too.`,
      symptom: 'data-dir-locked',
    })
  return warning('lock', `A cache answers, but it does not use ${dataDir}.`, {
    todo: 'The server runs with another configuration: see ExecStart in systemctl cat narwhal.',
  })
}

function tryLock(file: string): boolean | undefined {
  try {
    // Opening would make the file where there is none.
    if (!existsSync(file)) return undefined
    takeLock(file).release()
    return false
  } catch (error) {
    return isAppError(error, 'LOCKED') ? true : undefined
  }
}

function checkPort({ listen }: Config, { isAnswering }: ServerFacts): Check {
  const where = listen.map(formatAddress).join(', ')
  if (listen.every(({ port }) => port === 0))
    return unchecked('port', `${where}: the system chooses it.`)
  const owners = listen.map(({ port }) => ({ port, owner: ownerOfPort(port) }))
  const silent = owners.filter(({ owner }) => owner === undefined)
  const who = owners.flatMap(({ port, owner }) =>
    owner ? [`${owner.program ?? 'a process'} (${owner.pid ?? 'not ours to see'}) on ${port}`] : [],
  )
  if (silent.length > 0)
    return fault('port', `Nobody listens on ${silent.map(({ port }) => port).join(', ')}.`, {
      todo: 'Start it:',
      lines: ['systemctl start narwhal.socket narwhal'],
      symptom: 'server-down',
    })
  if (isAnswering) return ok('port', `Listening: ${who.join(', ')}.`)
  return fault('port', `Taken, but no cache answers: ${who.join(', ')}.`, {
    todo: 'Stop that program, or give narwhal another port.',
    symptom: 'port-taken',
  })
}

async function checkUnit(): Promise<Check> {
  const properties = ['LoadState', 'ActiveState', 'SubState', 'Result', 'NRestarts']
  const output = await programOutput(
    'systemctl',
    ['show', 'narwhal.service', ...properties.flatMap((property) => ['-p', property])],
    { timeoutMs: 3000 },
  )
  const facts = new Map([...(output ?? '').matchAll(/^(\w+)=(.*)$/gm)].map(([, k, v]) => [k, v]))
  if (!facts.has('LoadState')) return unchecked('unit', 'systemd does not run here.')
  if (facts.get('LoadState') !== 'loaded')
    return unchecked('unit', 'systemd knows no narwhal.service here.')
  const [active, sub, result] = ['ActiveState', 'SubState', 'Result'].map((key) => facts.get(key))
  const restarts = Number(facts.get('NRestarts') ?? 0)
  const seen = `narwhal.service is ${active} (${sub}), ${restarts} restarts, result ${result}`
  const more = {
    todo: 'See what it said:',
    lines: ['journalctl -u narwhal -n 50'],
    symptom: result === 'oom-kill' ? 'out-of-memory' : 'restart-loop',
  }
  if (active !== 'active') return fault('unit', `${seen}.`, more)
  return restarts > 2 ? warning('unit', `${seen}.`, more) : ok('unit', `${seen}.`)
}

async function checkOomKills(): Promise<Check> {
  const kills = countOomKills()
  if (kills === undefined) return unchecked('oom kills', 'This system does not count them.')
  if (kills === 0) return ok('oom kills', 'No process was killed for want of memory since boot.')
  return warning('oom kills', `${kills} processes killed for want of memory since boot.`, {
    todo: 'See which: journalctl -k. Then fewer build jobs, zram, or more memory.',
    symptom: 'out-of-memory',
  })
}
