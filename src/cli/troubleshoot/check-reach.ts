import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { isAppError } from '../../errors.ts'
import { type CacheInfo, parseCacheInfo } from '../../nix/cache-info.ts'
import { type Check, fault, ok, unchecked, warning } from './check.ts'
import { fileOf, type Looker, reasonOf, shown } from './http-look.ts'

const connectTimeoutMs = 2500
const answerTimeoutMs = 4000
const slowMs = 1000

export interface Reached {
  readonly checks: readonly Check[]
  /** of the host; none where its name is not known */
  readonly addresses: readonly string[]
  /** undefined where no cache answers */
  readonly cacheInfo: CacheInfo | undefined
}

/** Goes to a cache step by step, as a client does, and says at which it ends. */
export async function checkReach(
  url: URL,
  { looker, env }: { looker: Looker; env: NodeJS.ProcessEnv },
): Promise<Reached> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const named = await addressesOf(host)
  const proxied = checkProxy(url, env)
  if ('error' in named) {
    const check = fault('name', `${host}: ${reasonOf(named.error)}.`, {
      todo: 'Use the address of the server, or make its name known on this machine.',
      symptom: 'name-not-found',
    })
    const rest = (['connection', 'address'] as const).map((name) =>
      unchecked(name, 'The name leads nowhere.'),
    )
    return { checks: [check, proxied, ...rest], addresses: [], cacheInfo: undefined }
  }
  const { addresses } = named
  const name =
    isIP(host) === 0
      ? ok('name', `${host} is ${addresses.join(' and ')}.`)
      : ok('name', `${host} is an address.`)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const connection = await checkConnection(addresses, port)
  if (connection.state === 'fault') {
    const rest = unchecked('address', 'There is no connection.')
    return { checks: [name, connection, proxied, rest], addresses, cacheInfo: undefined }
  }
  const { check, clock, cacheInfo } = await checkAddress(url, looker)
  const store = cacheInfo === undefined ? [] : [checkStoreDir(cacheInfo, env)]
  return { checks: [name, connection, proxied, check, ...store, clock], addresses, cacheInfo }
}

async function addressesOf(
  host: string,
): Promise<{ addresses: readonly string[] } | { error: unknown }> {
  const { promise, resolve } = Promise.withResolvers<never[]>()
  const timer = setTimeout(resolve, connectTimeoutMs, [])
  try {
    const found = await Promise.race([lookup(host, { all: true }), promise])
    if (found.length === 0) return { error: { code: 'EAI_AGAIN' } }
    return { addresses: [...new Set(found.map(({ address }) => address))] }
  } catch (error) {
    return { error }
  } finally {
    clearTimeout(timer)
  }
}

/** Every address by itself: one that does not answer delays clients that try it first. */
async function checkConnection(addresses: readonly string[], port: number): Promise<Check> {
  const tried = await Promise.all(
    addresses.map(async (address) => ({ address, ...(await open(address, port)) })),
  )
  const good = tried.filter(({ error }) => error === undefined)
  const bad = tried.filter(({ error }) => error !== undefined)
  const failures = bad.map(({ address, error }) => `${address} port ${port}: ${reasonOf(error)}`)
  const best = good.map(({ address, ms }) => `${address} within ${ms.toFixed(1)} ms`)
  if (good.length === 0) {
    const isRefused = bad.some(({ error }) => (error as { code?: string }).code === 'ECONNREFUSED')
    return fault('connection', `${failures.join('; ')}.`, {
      todo: isRefused
        ? 'Start the server, or give the port and the address it listens on.'
        : 'Open the port in the firewall of the server, and see that it is on and in this network.',
      symptom: isRefused ? 'server-down' : 'firewall',
    })
  }
  if (bad.length === 0) return ok('connection', `A connection to ${best.join(', to ')}.`)
  return warning('connection', `${best.join(', ')}, but ${failures.join('; ')}.`, {
    todo: 'Let it listen on both kinds of address ("[::]:port"), or take the other out of the name.',
    symptom: 'ipv6',
  })
}

function open(host: string, port: number): Promise<{ ms: number; error?: unknown }> {
  return new Promise((resolve) => {
    const start = performance.now()
    const socket = connect({ host, port })
    const end = (error?: unknown) => {
      socket.destroy()
      const ms = performance.now() - start
      resolve(error === undefined ? { ms } : { ms, error })
    }
    socket.setTimeout(connectTimeoutMs, () => end({ code: 'ETIMEDOUT' }))
    socket.once('error', end)
    socket.once('connect', () => end())
  })
}

async function checkAddress(url: URL, looker: Looker) {
  const first = await readCacheInfo(url, looker)
  const clock = checkClock(first.date)
  if (first.cacheInfo !== undefined) {
    const { wantMassQuery, priority } = first.cacheInfo
    const facts = `Priority ${priority ?? 'none'}, WantMassQuery ${wantMassQuery ? 1 : 0}, after ${first.ms.toFixed(0)} ms`
    const check =
      first.ms > slowMs
        ? warning('address', `/nix-cache-info is there, but slow: ${facts}.`, {
            todo: 'See what keeps the server busy: narwhal monitor, on it.',
            symptom: 'busy-machine',
          })
        : wantMassQuery
          ? ok('address', `/nix-cache-info says ${facts}.`)
          : warning('address', `/nix-cache-info says ${facts}.`, {
              todo: 'Without WantMassQuery: 1 Nix does not ask it for many paths at once, as nix-env -qas does.',
            })
    return { check, clock, cacheInfo: first.cacheInfo }
  }
  const right = await findRight(url, looker)
  const check = fault('address', `${shown(fileOf(url, 'nix-cache-info'))}: ${first.reason}.`, {
    ...(right === undefined
      ? { todo: 'See that this is the port of the cache, and what its log says.' }
      : { todo: 'A binary cache answers here:', lines: [`substituters = ${shown(right)}`] }),
    symptom: first.isSilent ? 'busy-machine' : 'wrong-url',
  })
  return { check, clock, cacheInfo: undefined }
}

/** Nix refuses a cache of another store directory. */
function checkStoreDir({ storeDir }: CacheInfo, env: NodeJS.ProcessEnv): Check {
  const own = env.NIX_STORE_DIR || '/nix/store'
  if (storeDir === own) return ok('store dir', `${own}, as here.`)
  return fault('store dir', `It is for ${storeDir}, and this machine's store is ${own}.`, {
    todo: 'Set cache.store_dir of the server as on its clients, or use another cache.',
    symptom: 'other-store-dir',
  })
}

interface InfoReading {
  readonly cacheInfo?: CacheInfo
  readonly date?: string | undefined
  readonly reason: string
  readonly ms: number
  readonly isSilent: boolean
}

async function readCacheInfo(
  url: URL,
  looker: Looker,
  timeoutMs = answerTimeoutMs,
): Promise<InfoReading> {
  const failed = (reason: string, isSilent = false) => ({ reason, ms: 0, isSilent })
  try {
    const answer = await looker.text(fileOf(url, 'nix-cache-info'), timeoutMs)
    const date = answer.headers.date
    if (answer.status !== 200) return { ...failed(`status ${answer.status}`), date }
    try {
      const cacheInfo = parseCacheInfo(answer.text)
      return { cacheInfo, date, reason: '', ms: answer.ms, isSilent: false }
    } catch (error) {
      if (!isAppError(error)) throw error
      return { ...failed(`200, but ${error.message}: it is no binary cache`), date }
    }
  } catch (error) {
    const { name, code = '', message } = error as NodeJS.ErrnoException
    if (name === 'TimeoutError' || name === 'AbortError')
      return failed(`it takes connections, but says nothing for ${timeoutMs / 1000} s`, true)
    if (code === 'EPROTO' || /WRONG_VERSION|packet length/i.test(`${code} ${message}`))
      return failed('it speaks HTTP there, not HTTPS')
    return failed(reasonOf(error))
  }
}

/** Where the cache is, when the address is nearly right: another scheme, no path. */
async function findRight(url: URL, looker: Looker): Promise<URL | undefined> {
  const other = new URL(url.href.replace(/^http(s?):/, (_all, s) => (s ? 'http:' : 'https:')))
  const guesses = [
    other,
    ...[url, other].filter(({ pathname }) => pathname !== '/').map((base) => new URL('/', base)),
  ]
  const readings = await Promise.all(guesses.map((guess) => readCacheInfo(guess, looker, 1500)))
  return guesses.find((_guess, at) => readings[at]?.cacheInfo !== undefined)
}

/** A server's clock against this one's: a difference of a minute is no accident of the network. */
function checkClock(date: string | undefined): Check {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return unchecked('clock', 'It does not tell its time.')
  const seconds = Math.round((Date.now() - theirs) / 1000)
  if (Math.abs(seconds) <= 60) return ok('clock', 'Its clock and this one agree.')
  const which = seconds > 0 ? 'behind' : 'ahead of'
  return warning('clock', `Its clock is ${Math.abs(seconds)} s ${which} this one.`, {
    todo: 'See with timedatectl which of the two is wrong: TLS to upstreams needs the right time.',
    symptom: 'clock-wrong',
  })
}

/** Nix's libcurl goes through a proxy where the environment says so; what is measured here does not. */
function checkProxy({ protocol, hostname }: URL, env: NodeJS.ProcessEnv): Check {
  const names =
    protocol === 'https:'
      ? ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']
      : ['http_proxy', 'all_proxy', 'ALL_PROXY']
  const set = names.find((name) => env[name])
  if (set === undefined) return ok('proxy', 'No proxy is set in this environment.')
  const excepted = (env.no_proxy ?? env.NO_PROXY ?? '').split(/[,\s]+/).filter(Boolean)
  const isExcepted = excepted.some((entry) => {
    const name = entry.replace(/^\./, '')
    return name === '*' || hostname === name || hostname.endsWith(`.${name}`)
  })
  if (isExcepted) return ok('proxy', `${set} is set, and no_proxy excepts ${hostname}.`)
  return warning('proxy', `${set} is set: Nix asks that proxy for ${hostname} too.`, {
    todo: 'Except the server, for the Nix daemon as well.',
    lines: [`no_proxy=${[...excepted, hostname].join(',')}`],
    symptom: 'proxy',
  })
}
