import { execFileSync } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { makeNixHome } from '../support/nix-home.ts'
import { removeTree } from '../support/temp-dir.ts'

export interface RealNix {
  /** Its own directory, gone when the test file is through. */
  readonly dir: string
  /** Runs one of Nix's programs in it, and gives its stdout; throws when it fails. */
  run(program: string, args: readonly string[], input?: Uint8Array): Buffer
}

let nix: Promise<RealNix> | undefined

/** This machine's Nix, sharing nothing with its store or its settings; one for the whole test file. */
export function realNix(): Promise<RealNix> {
  nix ??= settle()
  return nix
}

async function settle(): Promise<RealNix> {
  const dir = await mkdtemp(join(tmpdir(), 'narwhal-nix-'))
  const env = await makeNixHome(dir)
  return {
    dir,
    run: (program, args, input) =>
      execFileSync(program, args, {
        cwd: dir,
        env,
        input,
        stdio: ['pipe', 'pipe', 'pipe'],
        maxBuffer: 1 << 28,
      }),
  }
}

afterAll(async () => {
  if (nix) await removeTree((await nix).dir)
})
