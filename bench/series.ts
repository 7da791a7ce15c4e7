import { type Spread, spreadOf } from '../src/advice/spread.ts'

/** One figure of both servers, once a round. */
export interface Series {
  readonly title: string
  readonly unit: 'µs' | 'ms' | 'requests/s' | 'MB/s' | 'MiB'
  readonly target?: Target
  readonly nginx: readonly number[]
  readonly narwhal: readonly number[]
}

/** What narwhal is to reach: a multiple of nginx's figure, or a figure of its own. */
export interface Target {
  readonly of: 'nginx' | 'itself'
  readonly is: 'at least' | 'at most'
  readonly value: number
}

export { type Spread, spreadOf }

/** narwhal's median as a multiple of nginx's. */
export function ratioOf(series: Series): number {
  return spreadOf(series.narwhal).median / spreadOf(series.nginx).median
}

/** Whether narwhal's median reaches the target; undefined where there is none. */
export function isReached(series: Series): boolean | undefined {
  const { target } = series
  if (target === undefined) return undefined
  const figure = target.of === 'nginx' ? ratioOf(series) : spreadOf(series.narwhal).median
  return target.is === 'at least' ? figure >= target.value : figure <= target.value
}
