import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../config/config.ts'
import { formatSize, parseDuration } from '../units.ts'
import { addConfigFlags, loadConfigFrom } from './load-config.ts'
import { openDataDir, requireWholeIndex, requireWritable } from './open-data-dir.ts'
import { paint, print, printJson, tell } from './output.ts'

interface Flags {
  readonly config?: string
  readonly dryRun?: boolean
  /** milliseconds */
  readonly olderThan?: number
  readonly origin?: boolean
  readonly json?: boolean
}

/** Adds `narwhal gc`: deletes NARs by hand, where the server would wait until it needs the room. */
export function addGc(program: Command): void {
  const command = program
    .command('gc')
    .description('delete what was read longest ago, down to the limits; needs the server stopped')
    .option('--dry-run', 'only tell what would go')
    .option('--older-than <DURATION>', 'delete all that was not read for so long: "30d"', duration)
    .option('--origin', 'delete what was pushed here too, after all else')
    .option('--json', 'write what went as JSON')
    .addHelpText(
      'after',
      '\nGoes down to cache.max_size, or --max-size, and up to cache.min_free. What goes is fetched again when asked for; what was pushed here stays, unless --origin.',
    )
  addConfigFlags(command).action(async () => {
    const flags = command.opts<Flags>()
    await gc(loadConfigFrom({ config: flags.config, flags: command.opts() }), flags)
  })
}

async function gc(
  config: Config,
  { dryRun = false, olderThan, origin: withOrigin = false, json }: Flags,
): Promise<void> {
  const disk = await openDataDir(config)
  try {
    if (!dryRun) requireWritable(disk)
    requireWholeIndex(disk)
    const { maxBytes, bytes, freeBytes, minFreeBytes } = await disk.space()
    const limits = {
      maxBytes: Math.min(maxBytes, bytes + freeBytes - minFreeBytes),
      readBefore: olderThan === undefined ? Number.NEGATIVE_INFINITY : Date.now() - olderThan,
    }
    const gone: { readonly file: string; readonly bytes: number; readonly readAt: string }[] = []
    for await (const { file, bytes, readAt } of disk.collect(limits, dryRun, withOrigin)) {
      gone.push({ file, bytes, readAt: new Date(readAt).toISOString() })
      if (!json) print(`nar/${file}`)
    }
    const freedBytes = gone.reduce((sum, nar) => sum + nar.bytes, 0)
    const keptBytes = bytes - freedBytes
    if (json) printJson({ dryRun, freedBytes, keptBytes, nars: gone })
    const what = `${gone.length} NARs, ${formatSize(freedBytes)}; ${formatSize(keptBytes)} stay`
    tell(paint('green', `${dryRun ? 'would delete' : 'deleted'} ${what}`, process.stderr))
  } finally {
    await disk.close()
  }
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new InvalidArgumentError('Give a duration such as "12h" or "30d".')
}
