import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeClosure } from '../../src/cli/demo/closure.ts'
import { seededRandom } from '../../src/cli/demo/random.ts'
import { parseSecretKey } from '../../src/nix/signature.ts'
import { printStorePath } from '../../src/nix/store-path.ts'
import { MiB } from '../../src/units.ts'
import { makeNixHome } from '../../test/support/nix-home.ts'
import { mustRun } from '../../test/support/program-run.ts'
import { allotFiles } from './allot-files.ts'
import { drawClosure, type GraphOptions } from './graph.ts'
import { findMachineFiles } from './machine-files.ts'

export interface ClosureRecipe {
  readonly paths: number
  /** Bytes of file contents of all paths together. */
  readonly totalBytes: number
  /** Bytes of the one uncompressed NAR that throughput is measured with. */
  readonly largeNarBytes: number
  readonly seed: number
}

/** A signed binary cache as cache.nixos.org has it, in xz, made by the real Nix. */
export interface BenchClosure {
  /** Of the binary cache. */
  readonly cacheDirectory: string
  /** The store path whose closure is measured. */
  readonly root: string
  /** Every store path of it, root included. */
  readonly paths: readonly string[]
  /** The root of another closure, most of whose paths are small, for servers to warm up. */
  readonly warmUpRoot: string
  /** A store path that is not of the closure: one big NAR, uncompressed. */
  readonly largePath: string
  readonly publicKey: string
}

const expression = fileURLToPath(new URL('closure.nix', import.meta.url))
/** npm's own place for what tools may keep: survives runs, leaves with node_modules. */
const home = fileURLToPath(new URL('../../node_modules/.cache/narwhal/', import.meta.url))
const layers = 14
/** Of many paths, most of them small: what is warmed up is code, which V8 makes faster the more often it runs. */
const warmUp = { paths: 1000, layers: 8, totalBytes: 96 * MiB } as const
/** Raise it when the same recipe gives something else. */
const version = 5

/**
 * The closure, made on first use (some minutes, nearly all of it xz) and kept for later runs.
 *
 * @param workDirectory for the store it is built in, which is gone afterwards
 * @throws Error when the real Nix fails
 */
export async function findOrMakeClosure(
  recipe: ClosureRecipe,
  workDirectory: string,
  onProgress: (doing: string) => void,
): Promise<BenchClosure> {
  const words = JSON.stringify([version, layers, recipe, await readFile(expression, 'utf8')])
  const key = createHash('sha256').update(words).digest('hex').slice(0, 12)
  const directory = join(home, `bench-closure-${key}`)
  if (!(await exists(directory))) {
    onProgress('making the closure, once; this takes some minutes')
    const draft = `${directory}.${randomUUID()}`
    const store = await mkdtemp(join(workDirectory, 'narwhal-bench-store-'))
    try {
      await make(recipe, { draft, store, onProgress })
      await rename(draft, directory)
    } finally {
      await rm(draft, { recursive: true, force: true })
      await rm(store, { recursive: true, force: true })
    }
  }
  const paths = await linesOf(join(directory, 'paths'))
  const [largePath = ''] = await linesOf(join(directory, 'large-path'))
  return {
    cacheDirectory: join(directory, 'cache'),
    root: paths.at(-1) ?? '',
    ...{ paths, largePath },
    warmUpRoot: (await linesOf(join(directory, 'warm-up-paths'))).at(-1) ?? '',
    publicKey: (await readFile(join(directory, 'bench-1.pub'), 'utf8')).trim(),
  }
}

interface Site {
  readonly draft: string
  readonly store: string
  readonly onProgress: (doing: string) => void
}

async function make(recipe: ClosureRecipe, { draft, store, onProgress }: Site): Promise<void> {
  await mkdir(draft, { recursive: true })
  const env = await makeNixHome(store)
  const origin = join(store, 'origin')
  const nix = (program: string, ...args: string[]) =>
    mustRun(program, args, { cwd: draft, env, timeoutMs: 1800_000 })
  await nix('nix-store', '--generate-binary-cache-key', 'bench-1', 'bench-1.sec', 'bench-1.pub')

  /** Builds what is drawn, copies it into the cache and leaves the list of its paths. */
  const publish = async (drawn: readonly object[], list: string) => {
    const plan = join(draft, `${list}.json`)
    await writeFile(plan, JSON.stringify(drawn))
    onProgress(`building ${drawn.length} store paths`)
    const root = await nix(
      'nix-build',
      ...[expression, '--argstr', 'plan', plan, '--store', origin, '--no-out-link', '-j', '2'],
    )
    const paths = await nix('nix-store', '--store', origin, '--query', '--requisites', root)
    const count = paths.split('\n').length
    if (count !== drawn.length) throw new Error(`${root} has ${count} paths, not ${drawn.length}`)
    onProgress('packing them with xz')
    const options = `compression=xz&parallel-compression=true&secret-key=${draft}/bench-1.sec`
    await nix('nix', 'copy', '--store', origin, '--to', `file://${draft}/cache?${options}`, root)
    await writeFile(join(draft, list), `${paths}\n`)
  }
  await publish(draw({ ...warmUp, seed: `warm-up ${recipe.seed}` }), 'warm-up-paths')
  await publish(draw({ ...recipe, layers, seed: `closure ${recipe.seed}` }), 'paths')
  await writeFile(join(draft, 'large-path'), await addLargeNar(recipe.largeNarBytes, draft))
}

/** What closure.nix reads: the graph with the files of each path. */
function draw({ seed, ...graph }: GraphOptions & { seed: string }): object[] {
  const random = seededRandom(`bench ${seed}`)
  const nodes = drawClosure(graph, random)
  const wantedBytes = nodes.map(({ bytes }) => bytes)
  const files = allotFiles(findMachineFiles(), wantedBytes, random)
  return nodes.map(({ name, references }, place) => ({
    ...{ name, references },
    files: files[place]?.map(({ path }) => path) ?? [],
  }))
}

/** Beside the closure in the same cache, signed with the same key. */
async function addLargeNar(bytes: number, draft: string): Promise<string> {
  const secretKey = parseSecretKey((await readFile(join(draft, 'bench-1.sec'), 'utf8')).trim())
  const { infos } = await writeClosure({
    ...{ directory: join(draft, 'cache'), secretKey, paths: 1 },
    ...{ totalBytes: bytes, compression: 'none' },
  })
  const [info] = infos
  if (info === undefined) throw new Error('no large NAR')
  return printStorePath(info.storePath, info.storeDir)
}

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).trim().split('\n')
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
