/** `npm run bench`: narwhal and nginx side by side, on this machine, now. */
import { appendFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseSize } from '../src/units.ts'
import { runContest } from './contest.ts'
import { nginxVersion } from './nginx.ts'
import { memoryDirectory, onInterrupt, readFlagsOr, tell, tellEnd } from './program.ts'
import { formatReport, machineFacts, type Setting } from './report.ts'
import { type Series, spreadOf } from './series.ts'
import { isPinned } from './server.ts'

const usage = `npm run bench -- [options]
  --rounds N        rounds that count (5)
  --seconds N       length of one measurement (2)
  --nar-size SIZE   size of the NAR that throughput is measured with (128MiB)
  --directory DIR   where the caches go; a tmpfs is best (/dev/shm)
  --profile DIR     leave a CPU profile of narwhal there
  --write           append the results to bench/RESULTS.md
  --json            write the figures as JSON
`
/** More work than this on the machine spoils the figures. */
const busyLoad = 0.5
/** nginx on one core gives several times this; below it, something else is what is slow. */
const slowNginxMBs = 1000

const flags = readFlags()
const interrupted = onInterrupt()

const setting: Setting = {
  date: new Date().toISOString().slice(0, 10),
  ...machineFacts(),
  nginx: await nginxVersion(),
  pinned: isPinned,
  loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
  command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
  rounds: Number(flags.rounds),
  seconds: Number(flags.seconds),
  narBytes: parseSize(flags['nar-size']),
}
if (setting.loadBefore > busyLoad) tell(`load average ${setting.loadBefore}: expect noise`)
const series = await runContest({
  ...setting,
  directory: flags.directory,
  ...(flags.profile !== undefined && { profileDirectory: flags.profile }),
  signal: interrupted,
  onProgress: tell,
}).catch(fail)
for (const one of series) if (isSlowEverywhere(one)) tell(`${one.title}: nginx is slow here too`)

const report = formatReport(setting, series)
process.stdout.write(flags.json ? `${JSON.stringify({ setting, series }, null, 2)}\n` : report)
if (flags.write)
  await appendFile(fileURLToPath(new URL('RESULTS.md', import.meta.url)), `\n${report}`)

function readFlags() {
  return readFlagsOr(usage, () => {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '2' },
        'nar-size': { type: 'string', default: '128MiB' },
        directory: {
          type: 'string',
          default: memoryDirectory,
        },
        profile: { type: 'string' },
        write: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  })
}

/** Then the figure tells of the reader or of the machine, not of the servers. */
function isSlowEverywhere({ unit, nginx }: Series): boolean {
  return unit === 'MB/s' && spreadOf(nginx).median < slowNginxMBs
}

function fail(error: unknown): never {
  process.exit(tellEnd(error, interrupted))
}
