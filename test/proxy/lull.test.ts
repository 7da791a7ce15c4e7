import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Lull } from '../../src/proxy/lull.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** A lull among clients that fetch for as long as `isFetching`, and the work that has been done. */
function stage({ isFetching = false, workMs = 0 } = {}) {
  const state = { isFetching, done: [] as number[], running: 0, mostRunning: 0 }
  const stop = new AbortController()
  const lull = new Lull(() => (state.isFetching ? 0 : 1e9), stop.signal)
  const put = (name: number) =>
    lull.wait(async () => {
      state.running += 1
      state.mostRunning = Math.max(state.mostRunning, state.running)
      if (workMs > 0) await new Promise((resolve) => setTimeout(resolve, workMs))
      state.running -= 1
      state.done.push(name)
      return name
    })
  return { lull, state, stop, put }
}

describe('work that is put off', () => {
  test('is done once clients have asked for nothing for a fifth of a second', async () => {
    const { lull, state, put } = stage()
    lull.asked()
    void put(1)
    for (let times = 0; times < 5; times += 1) {
      await pass(150)
      lull.asked()
    }
    expect(state.done).toEqual([])
    await pass(300)
    expect(state.done).toEqual([1])
  })

  test('waits for what is being fetched', async () => {
    const { state, put } = stage({ isFetching: true })
    void put(1)
    await pass(3_000)
    expect(state.done).toEqual([])
    state.isFetching = false
    await pass(200)
    expect(state.done).toEqual([1])
  })

  test('is done beside clients that never pause, after ten seconds', async () => {
    const { state, put } = stage({ isFetching: true })
    void put(1)
    await pass(5_000)
    void put(2)
    await pass(4_900)
    expect(state.done).toEqual([])
    await pass(300)
    expect(state.done).toEqual([1])
    await pass(5_000)
    expect(state.done).toEqual([1, 2])
  })

  test('goes before its time, the oldest first, when too much waits', async () => {
    const { state, put } = stage({ isFetching: true })
    for (let name = 0; name < 258; name += 1) void put(name)
    await pass(0)
    expect(state.done).toEqual([0, 1])
  })

  test('is done a few at a time', async () => {
    const { lull, state, put } = stage({ workMs: 50 })
    lull.asked()
    for (let name = 0; name < 40; name += 1) void put(name)
    await pass(2_000)
    expect(state.done).toHaveLength(40)
    expect(state.mostRunning).toBe(4)
  })

  test('is done at once when all ends, and so is what comes after that', async () => {
    const { state, stop, put } = stage({ isFetching: true })
    void put(1)
    await pass(100)
    stop.abort()
    void put(2)
    await pass(0)
    expect(state.done.sort()).toEqual([1, 2])
  })

  test('tells how it ended', async () => {
    const { lull, put } = stage()
    const failing = lull.wait(() => Promise.reject(new Error('no disk')))
    const failed = expect(failing).rejects.toThrow('no disk')
    const fine = put(7)
    await pass(200)
    await failed
    expect(await fine).toBe(7)
  })
})
