import type { Machine } from '../machine.ts'
import { demandOf } from './demand.ts'
import { isEnough } from './gap.ts'
import { type Workload, type WorkloadInput, workloadOf } from './workload.ts'

/**
 * The most developers that a machine carries, up to as many as are asked for; 0 when not even one.
 * More of them never need less, so halving finds it.
 */
export function fittingDevelopers(machine: Machine, given: WorkloadInput): number {
  return most(given.developers, (developers) => fits(machine, { ...given, developers }))
}

/** The most builds a day for each of all the developers; 0 when not even one. */
export function fittingBuildsPerDay(machine: Machine, given: WorkloadInput): number {
  const { buildsPerDay } = workloadOf(given)
  return most(Math.floor(buildsPerDay), (count) => fits(machine, { ...given, buildsPerDay: count }))
}

/** The most days that results can be kept; 0 when not even one. */
export function fittingKeepDays(machine: Machine, given: WorkloadInput): number {
  const { keepDays } = workloadOf(given)
  return most(Math.floor(keepDays), (days) => fits(machine, { ...given, keepDays: days }))
}

function fits(machine: Machine, given: Partial<Workload> & { developers: number }): boolean {
  return isEnough(machine, demandOf(workloadOf(given)))
}

/** The largest whole number up to `limit` that passes; what is larger than one that fails fails too. */
function most(limit: number, passes: (count: number) => boolean): number {
  let [least, fails] = [0, limit + 1]
  while (fails - least > 1) {
    const middle = Math.floor((least + fails) / 2)
    if (passes(middle)) least = middle
    else fails = middle
  }
  return least
}
