import type { Kind } from './kind.ts'

/** One setting: everything that is known about it, wherever it is given. */
export interface Option<T> {
  /** its place in the file, such as "cache.max_size"; inside [[upstream]] just "url" */
  readonly key: string
  readonly kind: Kind<T>
  /** as it would be written in the file; undefined when there is none */
  readonly default: unknown
  /** shown in the example where there is no default */
  readonly example?: unknown
  /** what it does, for people, in one paragraph */
  readonly text: string
  /** true when a reload cannot change it */
  readonly needsRestart?: true
  /** long name of its flag on the command line, and what stands for its value there */
  readonly flag?: { readonly name: string; readonly value: string; readonly repeatable?: true }
}

/** Options, grouped as the configuration they become. */
export interface OptionTree {
  readonly [name: string]: Option<unknown> | OptionTree
}

/** What reading a tree of options gives. */
export type Values<Tree> = {
  readonly [Name in keyof Tree]: Tree[Name] extends Option<infer T> ? T : Values<Tree[Name]>
}

export function isOption(node: Option<unknown> | OptionTree): node is Option<unknown> {
  return typeof node.key === 'string'
}

/** Every option of a tree, in the order it is written. */
export function optionsOf(tree: OptionTree): Option<unknown>[] {
  return Object.values(tree).flatMap((node) => (isOption(node) ? [node] : optionsOf(node)))
}

/** The environment variable of an option: "cache.max_size" → NARWHAL_CACHE_MAX_SIZE. */
export function variableOf(option: Option<unknown>): string {
  return `NARWHAL_${option.key.replaceAll('.', '_').toUpperCase()}`
}

/** The name under which the command line keeps a flag: "data-dir" → dataDir. */
export function flagProperty(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
