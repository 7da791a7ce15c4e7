import { networkInterfaces } from 'node:os'
import { listOwnStore } from '../../host/own-store.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { readConfigFrom } from '../load-config.ts'
import { ownVersion } from '../version.ts'
import { type Check, type CheckReport, unchecked } from './check.ts'
import { checkKey } from './check-key.ts'
import { checkMemory } from './check-memory.ts'
import { checkNix } from './check-nix.ts'
import { checkNar, findPaths, type Wanted } from './check-paths.ts'
import { checkReach } from './check-reach.ts'
import { checkServer } from './check-server.ts'
import { checkStatus } from './check-status.ts'
import { openLooker, shown } from './http-look.ts'
import { listOf, type OwnNix, readOwnNix } from './own-nix.ts'

export interface ChecksOptions {
  readonly url: URL | undefined
  readonly storePaths: readonly StoreHash[]
  readonly configFile: string | undefined
  readonly env: NodeJS.ProcessEnv
}

/** All of it ends within ten seconds, whatever hangs. */
const totalMs = 8500
/** What is left for judging and printing once a NAR has had its time. */
const reserveMs = 500
const statusTimeoutMs = 4000
const maxGuessedPaths = 48

/** Goes all the way a client goes, and on the server's machine looks at its files too. */
export async function runChecks(options: ChecksOptions): Promise<CheckReport> {
  const { configFile, env, storePaths } = options
  const start = performance.now()
  const at = new Date().toISOString()
  const signal = AbortSignal.timeout(totalMs)
  const [nix, ownPaths] = await Promise.all([
    readOwnNix(),
    storePaths.length === 0 ? listOwnStore() : [],
  ])
  const { url, urlFrom } = chooseUrl(options, nix)
  const looker = openLooker(`narwhal-troubleshoot/${ownVersion()}`, signal)
  try {
    const reached = await checkReach(url, { looker, env })
    const { cacheInfo } = reached
    const isHere = configFile !== undefined || reached.addresses.some(isOwnAddress)
    const wanted: Wanted[] =
      storePaths.length > 0
        ? storePaths.map((hash) => ({ hash, isNamed: true }))
        : ownPaths.slice(0, maxGuessedPaths).map(({ hash }) => ({ hash, isNamed: false }))
    const isServer = configFile !== undefined
    const [ofNix, ofPaths, ofServer] = await Promise.all([
      checkNix({ url, nix, cacheInfo, isServer, looker }),
      cacheInfo === undefined ? { checks: [], infos: [] } : lookAtPaths(),
      Promise.all([
        cacheInfo === undefined
          ? unchecked('status', 'The cache does not answer.')
          : checkStatus(url, statusTimeoutMs),
        ...(isHere ? [checkServer({ configFile, isAnswering: cacheInfo !== undefined })] : []),
      ]),
    ])
    const memory = checkMemory({ url, nix, cacheInfo, infos: ofPaths.infos, env })
    const checks = [...reached.checks, ...ofNix, memory, ...ofPaths.checks, ...ofServer.flat()]
    return {
      url: shown(url),
      urlFrom,
      at,
      seconds: Math.round(performance.now() - start) / 1000,
      isWell: checks.every(({ state }) => state !== 'fault'),
      checks,
    }

    async function lookAtPaths(): Promise<{ checks: Check[]; infos: FoundInfos }> {
      const { check, infos } = await findPaths(url, wanted, looker)
      const leftMs = Math.max(
        reserveMs,
        Math.floor(totalMs - reserveMs - (performance.now() - start)),
      )
      const [key, nar] = await Promise.all([
        checkKey(url, infos, { nix, looker }),
        checkNar(url, infos, { looker, timeoutMs: leftMs, isNamed: storePaths.length > 0 }),
      ])
      return { checks: [check, key, nar], infos }
    }
  } finally {
    looker.close()
  }
}

type FoundInfos = Awaited<ReturnType<typeof findPaths>>['infos']

/** As given; else that of the configuration; else the first cache of nix.conf that is not public. */
function chooseUrl(
  { url, configFile }: ChecksOptions,
  nix: OwnNix | undefined,
): { url: URL; urlFrom: string } {
  if (url !== undefined) return { url, urlFrom: 'as given' }
  if (configFile !== undefined) {
    const configured = configuredUrl(configFile)
    if (configured !== undefined) return { url: configured, urlFrom: `listen in ${configFile}` }
  }
  const listed = listOf(nix?.settings ?? {}, 'substituters').map((text) => URL.parse(text))
  const own = listed.find((one) => one?.protocol === 'http:' && one.hostname !== 'cache.nixos.org')
  if (own) return { url: own, urlFrom: 'substituters in nix.conf' }
  return { url: new URL('http://localhost:5000'), urlFrom: 'nothing named one' }
}

function configuredUrl(file: string): URL | undefined {
  try {
    const reading = readConfigFrom({ config: file, flags: {} })
    const first = reading.ok ? reading.config.listen[0] : undefined
    if (first === undefined || first.port === 0) return undefined
    const isAny = ['::', '0.0.0.0'].includes(first.host)
    const host = isAny ? 'localhost' : first.host.includes(':') ? `[${first.host}]` : first.host
    return new URL(`http://${host}:${first.port}`)
  } catch {
    // The check of the configuration tells of it.
    return undefined
  }
}

function isOwnAddress(address: string): boolean {
  if (/^(127\.|::1$)/.test(address)) return true
  return Object.values(networkInterfaces()).some((all) =>
    all?.some((one) => one.address === address),
  )
}
