import { join } from 'node:path'
import { makeNixHome, narinfoMemory } from './nix-home.ts'
import { mustRun, type ProgramRun, runProgram } from './program-run.ts'
import { removeTree, tempDir } from './temp-dir.ts'

/**
 * A real Nix with a store and a memory of its own. Commands give back how they ended, failure
 * included. Clients are independent; one client runs one command at a time.
 */
export interface NixClient {
  /** `nix copy --from URL`: asks HEAD and GET of narinfos, fetches NARs one at a time */
  copyFrom(url: string, ...paths: string[]): Promise<ProgramRun>
  /** `nix-store --add`: puts a file or directory into its store; @returns the store path */
  add(path: string): Promise<string>
  /** `nix copy --to URL` of what is in its store; logs in as the netrc file says */
  copyTo(url: string, path: string, netrcFile?: string): Promise<ProgramRun>
  /** `nix-store -r --dry-run`: asks for narinfos, fetches nothing */
  dryRun(url: string, path: string): Promise<ProgramRun>
  /** `nix path-info -r` of what a cache has: asks for narinfos, fetches nothing */
  pathInfo(url: string, path: string): Promise<ProgramRun>
  /** `nix-store -r` with these substituters: fetches NARs in parallel */
  realise(urls: string | readonly string[], path: string): Promise<ProgramRun>
  /** `nix build` of an expression's attribute `app`; may substitute, but not build, a thing */
  build(urls: string | readonly string[], expression: string): Promise<ProgramRun>
  /** `nix-store --verify --check-contents`: every file of the store against its NarHash */
  verify(): Promise<ProgramRun>
  /** `nix store verify --all` of a binary cache: each NAR against its NarHash and signatures */
  verifyCache(url: string): Promise<ProgramRun>
  /** the valid paths of its store without derivations, sorted */
  paths(): Promise<string[]>
  /** loses every path but remembers the narinfos: from now on it sends GET /nar/… alone */
  emptyStore(): Promise<void>
  /** forgets the narinfos too: as good as new */
  forget(): Promise<void>
}

export interface NixClientOptions {
  /** "name:base64" each */
  readonly trustedKeys: readonly string[]
  /** false: takes unsigned and foreign paths, as a careless user's does; default true */
  readonly requireSignatures?: boolean
  /** tries per file before it gives up; Nix's own default is 5, which takes some 4 s */
  readonly attempts?: number
}

/** A client that has never seen anything; gone at the end of the test. */
export async function freshNixClient(options: NixClientOptions): Promise<NixClient> {
  const { trustedKeys, requireSignatures = true, attempts = 5 } = options
  const dir = await tempDir('client')
  const env = await makeNixHome(dir)
  const store = join(dir, 'store')
  const settings = [
    ...['--option', 'trusted-public-keys', trustedKeys.join(' ')],
    ...['--option', 'require-sigs', String(requireSignatures)],
    ...['--option', 'download-attempts', String(attempts)],
  ]
  const run = (program: string, ...args: string[]) =>
    runProgram(program, [...args, ...settings], { cwd: dir, env })

  return {
    copyFrom: (url, ...paths) => run('nix', 'copy', '--from', url, '--to', store, ...paths),
    add: (path) => mustRun('nix-store', ['--store', store, '--add', path], { cwd: dir, env }),
    copyTo: (url, path, netrcFile = '/dev/null') =>
      run('nix', 'copy', '--store', store, '--to', url, path, '--option', 'netrc-file', netrcFile),
    dryRun: (url, path) =>
      run('nix-store', '--store', store, '--realise', '--dry-run', path, ...substituters(url)),
    pathInfo: (url, path) => run('nix', 'path-info', '-r', '--store', url, path),
    realise: (urls, path) =>
      run('nix-store', '--store', store, '--realise', path, ...substituters(urls)),
    build: (urls, expression) =>
      run(
        'nix',
        ...['build', '--store', store, '--no-link', '--file', expression, 'app'],
        ...['--max-jobs', '0', ...substituters(urls)],
      ),
    verify: () => run('nix-store', '--store', store, '--verify', '--check-contents'),
    verifyCache: (url) => run('nix', 'store', 'verify', '--all', '--store', url),
    async paths() {
      const all = await mustRun('nix', ['path-info', '--all', '--store', store], { cwd: dir, env })
      const paths = all.split('\n').filter((path) => path !== '' && !path.endsWith('.drv'))
      return paths.sort()
    },
    emptyStore: () => removeTree(store),
    async forget() {
      await removeTree(store)
      await removeTree(narinfoMemory(dir))
    },
  }
}

function substituters(urls: string | readonly string[]): string[] {
  return ['--option', 'substituters', [urls].flat().join(' ')]
}
