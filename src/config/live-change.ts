import type { Config } from './config.ts'
import { isOption, type OptionTree } from './option.ts'
import { options, upstreamUrls } from './options.ts'

/** What a changed configuration comes to in a server that runs. */
export interface LiveChange {
  /** The new one, with what takes a restart as it was at the start. */
  readonly config: Config
  /** Keys that change now, against the configuration in use. */
  readonly now: readonly string[]
  /** Keys whose new values wait for a restart. */
  readonly atRestart: readonly string[]
}

/**
 * Works out what of a new configuration can be had without a restart.
 *
 * @param configs as it was at the start, as it is in use, and the new one
 */
export function planChange(configs: {
  readonly started: Config
  readonly current: Config
  readonly wanted: Config
}): LiveChange {
  const { started, current, wanted } = configs
  const config = { ...keepUntilRestart(options, started, wanted), upstreams: wanted.upstreams }
  const now = changedKeys(options, current, config)
  if (!isSame(current.upstreams, config.upstreams)) now.push(upstreamUrls.key)
  return { config: config as Config, now, atRestart: changedKeys(options, config, wanted) }
}

// A configuration is shaped as the tree of its options is.

function keepUntilRestart(tree: OptionTree, started: object, wanted: object): object {
  const values = Object.entries(tree).map(([name, node]) => {
    const [old, young] = [member(started, name), member(wanted, name)]
    if (!isOption(node)) return [name, keepUntilRestart(node, old as object, young as object)]
    return [name, node.needsRestart ? old : young]
  })
  return Object.fromEntries(values)
}

function changedKeys(tree: OptionTree, before: object, after: object): string[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    const [old, young] = [member(before, name), member(after, name)]
    if (isOption(node)) return isSame(old, young) ? [] : [node.key]
    return changedKeys(node, old as object, young as object)
  })
}

function member(values: object, name: string): unknown {
  return (values as Record<string, unknown>)[name]
}

/** Values of a configuration are plain data, always built in the same order. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
