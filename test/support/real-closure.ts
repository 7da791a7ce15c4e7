import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeNixHome } from './nix-home.ts'
import { type OpaqueShape, opaqueShapes, writeOpaqueCache } from './opaque-cache.ts'
import { mustRun } from './program-run.ts'
import { fastTempRoot, removeTree } from './temp-dir.ts'

const compressions = ['xz', 'zstd', 'bzip2', 'none', 'br'] as const

/** The compressions there is a signed cache of, made by the real Nix. */
export type RealCompression = (typeof compressions)[number]

/** `foreign` is signed by a key nobody trusts, `unsigned` by none; both zstd. */
export type RealCacheName = RealCompression | OpaqueShape | 'foreign' | 'unsigned'

/**
 * A graph of derivations built by the real Nix and copied into binary caches of every shape.
 * All are on disk, shared by all tests, and must not be written to.
 */
export interface RealClosure {
  /** the store path whose closure this is */
  readonly root: string
  /** every store path of it, root included, sorted */
  readonly paths: readonly string[]
  /** the Nix expression the paths are built from; its attribute `app` is the root */
  readonly expression: string
  /** "test-1:…", what the caches are signed with */
  readonly publicKey: string
  readonly secretKeyFile: string
  /** the directory of a binary cache with the whole closure */
  cache(name: RealCacheName): string
}

const expression = join(import.meta.dirname, 'closure-graph.nix')
// npm's own place for what tools may keep: survives runs, leaves with node_modules
const home = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'narwhal')
/** raise when what build() writes changes */
const version = 1

let shared: Promise<RealClosure> | undefined

/**
 * The closure, built on first use (some seconds) and kept for later runs.
 *
 * @throws Error when the real Nix fails
 */
export function realClosure(): Promise<RealClosure> {
  shared ??= findOrBuild()
  return shared
}

async function findOrBuild(): Promise<RealClosure> {
  const recipe = `${version}\n${await readFile(expression, 'utf8')}`
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 12)
  const dir = join(home, `closure-${key}`)
  const built = await stat(dir).catch(() => undefined)
  if (built === undefined) await buildOnce(dir)
  const [root = '', ...others] = (await readFile(join(dir, 'paths'), 'utf8')).trim().split('\n')
  return {
    root,
    paths: [root, ...others].sort(),
    expression,
    publicKey: (await readFile(join(dir, 'test-1.pub'), 'utf8')).trim(),
    secretKeyFile: join(dir, 'test-1.sec'),
    cache: (name) => join(dir, name),
  }
}

// no lock: two test files may build at once, the rename decides, and the loser's is thrown away
async function buildOnce(dir: string): Promise<void> {
  const draft = `${dir}.${randomUUID()}`
  try {
    await build(draft)
    await rename(draft, dir)
  } catch (error) {
    await removeTree(draft)
    if (!isTaken(error)) throw error
  }
}

function isTaken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTEMPTY' || code === 'EEXIST'
}

async function build(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  const nixDir = await mkdtemp(join(await fastTempRoot(), 'narwhal-closure-'))
  const env = await makeNixHome(nixDir)
  const store = join(nixDir, 'origin')
  const nix = (program: string, ...args: string[]) => mustRun(program, args, { cwd: dir, env })

  const root = await nix('nix-build', expression, '-A', 'app', '--store', store, '--no-out-link')
  const paths = await nix('nix-store', '--store', store, '--query', '--requisites', root)
  const others = paths.split('\n').filter((path) => path !== root)
  await writeFile(join(dir, 'paths'), [root, ...others, ''].join('\n'))
  for (const name of ['test-1', 'foreign-1']) {
    await nix('nix-store', '--generate-binary-cache-key', name, `${name}.sec`, `${name}.pub`)
  }

  const copy = (name: RealCacheName, options: string) =>
    nix('nix', 'copy', '--store', store, '--to', `file://${join(dir, name)}?${options}`, root)
  const signed = `secret-key=${join(dir, 'test-1.sec')}`
  await Promise.all([
    ...compressions.map((name) =>
      copy(name, `compression=${name}&write-nar-listing=true&${signed}`),
    ),
    copy('foreign', `compression=zstd&secret-key=${join(dir, 'foreign-1.sec')}`),
    copy('unsigned', 'compression=zstd'),
  ])
  for (const shape of opaqueShapes) {
    const origin = shape.compression
    await writeOpaqueCache({ from: join(dir, origin), to: join(dir, shape.name), shape })
  }
  await removeTree(nixDir)
}
