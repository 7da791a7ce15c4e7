import { join } from 'node:path'
import { readSystemFile, type SystemRoots } from './system-files.ts'

/** A control group this process is in, and which version's files it has. */
export interface ControlGroup {
  readonly version: 1 | 2
  readonly directory: string
}

/**
 * The control groups whose limits hold for this process: its own and all around it, cgroups(7). A
 * container may see its own group as the root, and the host's name for it in /proc all the same:
 * directories that do not exist are simply without limits.
 *
 * @param controller such as "memory"; of version 2, all controllers share one tree
 */
export function controlGroups(roots: SystemRoots, controller: 'memory' | 'cpu'): ControlGroup[] {
  const text = readSystemFile(roots.proc, 'self/cgroup') ?? ''
  const mounted = join(roots.sys, 'fs/cgroup')
  const groups: ControlGroup[] = []
  // "4:memory:/user.slice", or "0::/user.slice" for version 2
  for (const [, controllers = '', path = '/'] of text.matchAll(/^\d+:([^:]*):(.*)$/gm)) {
    const isSecond = controllers === ''
    if (!isSecond && !controllers.split(',').includes(controller)) continue
    const tops = isSecond ? [mounted, join(mounted, 'unified')] : [join(mounted, controller)]
    const version = isSecond ? 2 : 1
    for (const top of tops)
      for (const part of around(path)) groups.push({ version, directory: join(top, part) })
  }
  return groups
}

/** "/a/b" → "/a/b", "/a", "/"; a path outside of what a container sees begins with "/..". */
function around(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return Array.from({ length: parts.length + 1 }, (_, less) =>
    parts.slice(0, parts.length - less).join('/'),
  )
}
