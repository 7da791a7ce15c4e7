import { type CacheInfo, parseCacheInfo } from '../../nix/cache-info.ts'
import { formatDuration } from '../../units.ts'
import { type Check, fault, ok, unchecked, warning } from './check.ts'
import { fileOf, type Looker, shown } from './http-look.ts'
import { listOf, type OwnNix, plainAddress } from './own-nix.ts'

const nixosCache = 'https://cache.nixos.org'
/** What cache.nixos.org says, for when it cannot be asked. */
const nixosPriority = 40
const priorityTimeoutMs = 2500
/** From this version on `fallback` does not crash, and a narinfo's 5xx is not the end. */
const safeFallback = [2, 24] as const
const survives5xx = [2, 32] as const

export interface ClientFacts {
  readonly url: URL
  readonly nix: OwnNix | undefined
  /** of the cache under test; undefined where it does not answer */
  readonly cacheInfo: CacheInfo | undefined
  /** this is the server's own machine, which need not be a client of it */
  readonly isServer: boolean
  readonly looker: Looker
}

/** Whether the Nix of this machine is set up to use the cache, and to do well without it. */
export async function checkNix(facts: ClientFacts): Promise<readonly Check[]> {
  const { nix } = facts
  if (nix === undefined)
    return [unchecked('nix', 'There is no Nix on this machine, or it does not show its settings.')]
  return [
    checkVersion(nix),
    checkSubstituters(facts, nix),
    checkTrustedUser(facts, nix),
    await checkPriority(facts, nix),
    checkBehind(facts, nix),
    checkFallback(nix),
    checkTimeouts(nix),
    checkAbsences(nix),
  ]
}

function checkVersion({ version }: OwnNix): Check {
  if (version === undefined) return unchecked('nix', 'Nix does not tell its version.')
  if (isFrom(version, survives5xx)) return ok('nix', `Nix ${version}.`)
  return warning('nix', `Nix ${version}: a narinfo's 5xx ends the command.`, {
    todo: 'Nix 2.32 or newer asks the next substituter then. narwhal says 5xx only when no upstream can be asked.',
    symptom: 'narinfo-5xx',
  })
}

function checkSubstituters({ url, isServer, cacheInfo }: ClientFacts, nix: OwnNix): Check {
  const all = listOf(nix.settings, 'substituters')
  const wanted = plainAddress(url.href)
  if (nix.settings.substitute === 'false')
    return fault('substituters', 'substitute = false: this Nix uses no cache at all.', {
      todo: 'Take that line out of nix.conf.',
      symptom: 'no-substituter',
    })
  const at = all.find((one) => plainAddress(one) === wanted)
  if (at !== undefined) return ok('substituters', `${at} is one of ${all.length}.`)
  if (cacheInfo === undefined)
    return unchecked('substituters', 'It is not among them; first it has to answer.')
  const more = {
    todo: 'Add it to /etc/nix/nix.conf (on NixOS: nix.settings.substituters):',
    lines: [`extra-substituters = ${shown(url)}`],
    symptom: 'no-substituter',
  }
  const seen = `This machine's Nix does not use it: substituters = ${all.join(' ') || 'none'}.`
  return isServer ? warning('substituters', seen, more) : fault('substituters', seen, more)
}

/** A daemon takes substituters from its own nix.conf, and from others only where they are trusted. */
function checkTrustedUser({ url }: ClientFacts, nix: OwnNix): Check {
  const name = 'trusted user'
  if (!nix.hasDaemon)
    return ok(name, `${nix.user} runs Nix without a daemon: no one else decides what is trusted.`)
  const wanted = plainAddress(url.href)
  const has = (setting: string) =>
    listOf(nix.machineSettings, setting).some((one) => plainAddress(one) === wanted)
  if (has('substituters')) return ok(name, "It stands in the machine's own nix.conf.")
  if (has('trusted-substituters'))
    return ok(name, 'It is in trusted-substituters: any user may ask for it.')
  const trusted = listOf(nix.machineSettings, 'trusted-users')
  const asWhom = trusted.find(
    (one) =>
      one === '*' || one === nix.user || (one.startsWith('@') && nix.groups.includes(one.slice(1))),
  )
  if (asWhom !== undefined) return ok(name, `${nix.user} is trusted, by "${asWhom}".`)
  const more = {
    todo: 'Add to the nix.conf of the machine, not of the user:',
    lines: [`trusted-substituters = ${shown(url)}`],
    symptom: 'untrusted-user',
  }
  const isWanted = listOf(nix.settings, 'substituters').some((one) => plainAddress(one) === wanted)
  return isWanted
    ? fault(name, `${nix.user} is not trusted, so the daemon ignores it.`, more)
    : ok(name, `${nix.user} is not trusted: it must be set for the whole machine.`)
}

async function checkPriority(facts: ClientFacts, nix: OwnNix): Promise<Check> {
  const { url, cacheInfo, looker } = facts
  const name = 'priority'
  const all = listOf(nix.settings, 'substituters')
  const at = all.findIndex((one) => plainAddress(one) === plainAddress(url.href))
  if (cacheInfo === undefined) return unchecked(name, 'The cache does not answer.')
  const own = statedPriority(all[at] ?? '') ?? cacheInfo.priority ?? 0
  const others = await Promise.all(
    all.map(async (text, place) => ({
      text,
      place,
      priority: place === at ? own : await priorityOf(text, looker),
    })),
  )
  const rivals = others.filter(({ place }) => place !== at)
  if (rivals.length === 0) return ok(name, `${own}; there is no other substituter.`)
  const place = at < 0 ? all.length : at
  const before = rivals.filter(
    ({ priority, place: other }) =>
      priority !== undefined && (priority < own || (priority === own && other < place)),
  )
  const list = rivals
    .map(({ text, priority }) => `${plainAddress(text)} ${priority ?? 'does not say'}`)
    .join(', ')
  if (before.length === 0) return ok(name, `${own}, and is asked first: ${list}.`)
  const more = {
    todo: 'Set cache.priority of the server lower, or say it on this client:',
    lines: [`substituters = ${shown(url)}?priority=10 ${nixosCache}`],
    symptom: 'priority-ignored',
  }
  const seen = `${own}, so others are asked before it: ${list}.`
  const isBehindNixos = before.some(({ text }) => plainAddress(text) === nixosCache)
  return isBehindNixos ? fault(name, seen, more) : warning(name, seen, more)
}

/** What a substituter's URL says: http://cache.lan:5000?priority=10. */
function statedPriority(text: string): number | undefined {
  const stated = URL.parse(text)?.searchParams.get('priority')
  return stated && /^\d+$/.test(stated) ? Number(stated) : undefined
}

async function priorityOf(text: string, looker: Looker): Promise<number | undefined> {
  const url = URL.parse(text)
  const known = plainAddress(text) === nixosCache ? nixosPriority : undefined
  const stated = statedPriority(text)
  if (stated !== undefined) return stated
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return known
  try {
    const answer = await looker.text(fileOf(url, 'nix-cache-info'), priorityTimeoutMs)
    return answer.status === 200 ? (parseCacheInfo(answer.text).priority ?? 0) : known
  } catch {
    return known
  }
}

/** When the cache is away, something else must be left. */
function checkBehind({ url }: ClientFacts, nix: OwnNix): Check {
  const name = 'behind'
  const all = listOf(nix.settings, 'substituters')
  const others = all.map(plainAddress).filter((one) => one !== plainAddress(url.href))
  if (others.includes(nixosCache)) return ok(name, 'cache.nixos.org is there when it is away.')
  const seen =
    others.length === 0
      ? 'Nothing is behind it: when it is away, everything is built.'
      : `cache.nixos.org is not behind it, only ${others.join(', ')}.`
  return warning(name, seen, {
    todo: 'Keep cache.nixos.org as the last substituter:',
    lines: [`extra-substituters = ${nixosCache}`],
    symptom: 'server-lost',
  })
}

function checkFallback({ settings, version }: OwnNix): Check {
  const isOn = settings.fallback === 'true'
  const isSafe = version !== undefined && isFrom(version, safeFallback)
  if (!isOn) return ok('fallback', 'off: a NAR that nobody can send ends the command.')
  if (isSafe) return ok('fallback', 'on: what nobody can send is built here.')
  return warning('fallback', `on, and Nix ${version ?? 'of unknown version'} may crash with it.`, {
    todo: 'Turn it off, or use Nix 2.24 or newer.',
    lines: ['fallback = false'],
    symptom: 'nar-gone',
  })
}

function checkTimeouts({ settings }: OwnNix): Check {
  const seconds = Number(settings['connect-timeout'] ?? Number.NaN)
  const stalled = settings['stalled-download-timeout'] ?? '?'
  const facts = `connect-timeout = ${settings['connect-timeout'] ?? '?'}, stalled-download-timeout = ${stalled}`
  if (Number.isNaN(seconds)) return unchecked('timeouts', 'Nix does not show connect-timeout.')
  if (seconds > 0 && seconds <= 15) return ok('timeouts', `${facts}.`)
  const why = seconds === 0 ? 'no limit' : 'long'
  return warning('timeouts', `${facts}: ${why}, so every command waits when the cache is off.`, {
    todo: 'Set a limit:',
    lines: ['connect-timeout = 5'],
    symptom: 'slow-start',
  })
}

function checkAbsences({ settings }: OwnNix): Check {
  const text = settings['narinfo-cache-negative-ttl']
  if (text === undefined) return unchecked('absences', 'Nix does not show how long it keeps them.')
  const seconds = Number(text)
  const facts = `A 404 is remembered for ${formatDuration(seconds * 1000)}`
  if (seconds <= 300) return ok('absences', `${facts}.`)
  return warning('absences', `${facts}: a path that comes later is not seen until then.`, {
    todo: 'Where paths are pushed to this cache:',
    lines: ['narinfo-cache-negative-ttl = 60'],
    symptom: 'remembered-absence',
  })
}

function isFrom(version: string, [major, minor]: readonly [number, number]): boolean {
  const [theirMajor = 0, theirMinor = 0] = version.split('.').map(Number)
  return theirMajor > major || (theirMajor === major && theirMinor >= minor)
}
