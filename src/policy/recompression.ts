import { formatSize, MiB } from '../units.ts'

/** What the machine is, as far as it is known. */
export interface MachineFacts {
  /** cores that may be kept busy; a share of one where a control group says so */
  readonly cores: number
  /** memory that may be used at all */
  readonly totalBytes: number | undefined
  /** recompress.workers */
  readonly workers: number
  /** recompress.level, of zstd */
  readonly level: number
}

export interface Judgement {
  readonly isOn: boolean
  /** one sentence for the log, without its full stop */
  readonly reason: string
}

/** What one core of an AMD EPYC unpacks, checks and packs at level 3: docs/decisions/0012. */
const xzMBPerSecond = 30

/** The server under load: 500 streams at once take up to 300 MB of it. */
const serverBytes = 300 * MiB

/** The thread with its JavaScript, buffers, and what waits to be collected: docs/decisions/0012. */
const threadBytes = 44 * MiB
/** An xz decoder for the 8 MiB dictionary that Nix's files have, with its quarter more. */
const decoderBytes = 10 * MiB

/** ZSTD_estimateCStreamSize() of zstd 1.5, by the highest level that takes no more. */
const zstdBytes: readonly (readonly [maxLevel: number, bytes: number])[] = [
  [4, 5 * MiB],
  [8, 9 * MiB],
  [9, 17 * MiB],
  [11, 29 * MiB],
  [14, 53 * MiB],
  [18, 69 * MiB],
  [Number.POSITIVE_INFINITY, 90 * MiB],
]

/** What must stay for everybody else on the machine, and its page cache. */
const sharePerCent = 25

/**
 * Memory that one NAR takes while it is packed anew: thread + decoder + zstd at that level. A file
 * with the largest dictionary accepted, 128 MiB, takes 170 MiB more; Nix writes none such.
 */
export function recompressionBytes(level: number): number {
  const [, packerBytes] = zstdBytes.find(([maxLevel]) => level <= maxLevel) ?? [0, 0]
  return threadBytes + decoderBytes + packerBytes
}

/**
 * Decides once, at start, whether this machine recompresses. `auto` asks for a core for each worker
 * and one more to serve, and for memory: server + workers × recompressionBytes ≤ ¾ of the total.
 * What changes from minute to minute, such as the memory free now, is for mayWorkNow.
 */
export function judgeMachine(enabled: boolean | 'auto', facts: MachineFacts): Judgement {
  if (enabled === false) return { isOn: false, reason: 'off: recompress.enabled = false' }
  const obstacle = obstacleOn(facts)
  if (enabled === true) {
    const despite = obstacle ? `; "auto" would not: ${obstacle}` : ''
    return {
      isOn: true,
      reason: `on: recompress.enabled = true, ${formatMachine(facts)}${despite}`,
    }
  }
  if (obstacle)
    return {
      isOn: false,
      reason: `off: ${formatMachine(facts)}: ${obstacle}; set recompress.enabled = true to do it all the same`,
    }
  const { workers, level } = facts
  const jobs = formatSize(workers * recompressionBytes(level))
  const worker =
    workers === 1
      ? `a core recompresses xz at about ${xzMBPerSecond} MB/s`
      : `${workers} cores recompress xz at about ${workers * xzMBPerSecond} MB/s`
  const left = facts.cores - workers
  const rest = left < 2 ? 'another serves' : `${formatCores(left)} are left to serve`
  return {
    isOn: true,
    reason: `on: ${formatMachine(facts)}: ${worker}, taking ${jobs}, while ${rest}`,
  }
}

/** Why this machine had better not, as a clause; undefined when nothing is in the way. */
function obstacleOn({ cores, totalBytes, workers, level }: MachineFacts): string | undefined {
  if (cores < 2) return 'unpacking xz would take the core that serves clients'
  if (cores < workers + 1)
    return `recompress.workers = ${workers} would leave no core to serve clients`
  if (totalBytes === undefined) return undefined
  const neededBytes = serverBytes + workers * recompressionBytes(level)
  const budgetBytes = (totalBytes * (100 - sharePerCent)) / 100
  if (neededBytes <= budgetBytes) return undefined
  const sum = `${formatSize(serverBytes)} for the server and ${workers} × ${formatSize(recompressionBytes(level))} at level ${level}`
  return `${sum} is more than ${100 - sharePerCent} % of the memory`
}

function formatMachine({ cores, totalBytes }: MachineFacts): string {
  const memory = totalBytes === undefined ? 'memory unknown' : formatSize(totalBytes)
  return `${formatCores(cores)}, ${memory}`
}

function formatCores(cores: number): string {
  return cores === 1 ? '1 core' : `${Number(cores.toFixed(1))} cores`
}
