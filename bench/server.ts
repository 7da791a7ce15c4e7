import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** A server under test, in processes of its own. Disposing of it stops it. */
export interface BenchServer extends AsyncDisposable {
  readonly name: 'nginx' | 'narwhal'
  readonly url: string
  readonly pid: number
  /** What it has to say for itself, when something fails. */
  said(): string
}

/** With two cores or more, the server has the first to itself and the load the second. */
export const isPinned = process.platform === 'linux' && availableParallelism() > 1

/** The words before a command line that keep it on one core, so that the two do not compete. */
export function onCore(role: 'server' | 'load'): readonly string[] {
  return isPinned ? ['taskset', '--cpu-list', role === 'server' ? '0' : '1'] : []
}

/** Bytes of memory the server's processes hold now, added up. */
export function residentBytesOf(pid: number): number {
  return sum(processesOf(pid), (one) => statusBytes(one, 'VmRSS'))
}

/** The most each of the server's processes has held so far, added up. */
export function peakBytesOf(pid: number): number {
  return sum(processesOf(pid), (one) => statusBytes(one, 'VmHWM'))
}

/** CPU time the server's processes have used so far, in the kernel too; known to 10 ms. */
export function cpuSecondsOf(pid: number): number {
  return sum(processesOf(pid), (one) => {
    // The fields after the name, which may hold anything: utime and stime are the 12th and 13th.
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  })
}

/** A server and its children: nginx's workers are children of its master. */
export function processesOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number))]
}

function statusBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}

function sum(pids: readonly number[], figure: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + figure(pid), 0)
}
