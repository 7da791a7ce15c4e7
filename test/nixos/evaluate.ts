import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeNixHome } from '../support/nix-home.ts'
import { mustRun } from '../support/program-run.ts'
import { tempDir } from '../support/temp-dir.ts'

export const root = join(import.meta.dirname, '../..')
export const ownModule = join(root, 'nix/module.nix')
const stubLib = join(import.meta.dirname, 'stub-lib.nix')

/** What modules come to together. */
export interface Evaluation {
  // biome-ignore lint/suspicious/noExplicitAny: options are as deep and as various as NixOS is
  readonly config: any
  /** values of a wrong type, and assertions that do not hold */
  readonly mistakes: readonly string[]
}

/** Evaluates an expression with the real Nix, no store and no network behind it. */
export async function evaluate(expression: string): Promise<unknown> {
  const dir = await tempDir('nix-eval')
  const file = join(dir, 'expression.nix')
  await writeFile(file, expression)
  const args = ['--eval', '--strict', '--json', '--store', 'dummy://', file]
  const text = await mustRun('nix-instantiate', args, {
    cwd: dir,
    env: await makeNixHome(dir),
  })
  return JSON.parse(text)
}

/**
 * Evaluates systems, each made of modules, in one run of Nix.
 *
 * @param systems for each the modules, as paths of files or expressions in parentheses
 */
export async function evaluateSystems(
  systems: readonly (readonly string[])[],
): Promise<readonly Evaluation[]> {
  const lists = systems.map((modules) => `(stub.evalModules [ ${modules.join(' ')} ])`)
  const expression = `let stub = import ${stubLib}; in [\n${lists.join('\n')}\n]`
  return (await evaluate(expression)) as Evaluation[]
}

/** Evaluates narwhal's module with one more, given as text. */
export async function evaluateModule(text: string): Promise<Evaluation> {
  const [evaluation] = await evaluateSystems([[ownModule, `(${text})`]])
  return evaluation as Evaluation
}
