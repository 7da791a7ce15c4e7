import { readFileSync } from 'node:fs'

/** CPU time that anything on this machine has used since it started; known to 10 ms. */
export function machineCpuSeconds(): number {
  return busySecondsIn(readFileSync('/proc/stat', 'utf8'))
}

/** Reads the first line of /proc/stat: ticks of all cores by what they did (proc(5)). */
export function busySecondsIn(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (stat.split('\n')[0] ?? '')
    .replace(/^cpu +/, '')
    .split(' ')
    .map(Number)
  return (user + nice + system + irq + softirq) / 100
}
