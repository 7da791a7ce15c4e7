import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Confirmations } from '../../src/proxy/confirmations.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

interface Setting {
  readonly checkMs?: number
  readonly mayBegin?: () => boolean
}

/** Confirmations that take so long, and the files whose checks have begun. */
function confirming({ checkMs = 0, mayBegin = () => true }: Setting = {}) {
  const begun: string[] = []
  const failures: string[] = []
  const confirmations = new Confirmations(mayBegin, (file, error) =>
    failures.push(`${file}: ${error}`),
  )
  const check = async (file: string) => {
    begun.push(file)
    if (checkMs > 0) await new Promise((resolve) => setTimeout(resolve, checkMs))
  }
  const ask = (file: string) => {
    confirmations.asked()
    confirmations.later(file, () => check(file))
  }
  return { confirmations, begun, failures, check, ask }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('NARs that are to be checked', () => {
  test('are, one after the other, once nobody asks any more', async () => {
    const { begun, ask } = confirming({ checkMs: 1_000 })
    for (const file of ['a', 'b', 'c']) {
      ask(file)
      await pass(900)
    }
    expect(begun).toEqual([])
    await pass(1_500)
    expect(begun).toEqual(['a', 'b'])
    await pass(1_000)
    expect(begun).toEqual(['a', 'b', 'c'])
  })

  test('wait again when somebody comes while one is checked', async () => {
    const { confirmations, begun, ask } = confirming({ checkMs: 300 })
    for (const file of ['a', 'b']) ask(file)
    await pass(1_100)
    expect(begun).toEqual(['a'])
    confirmations.asked()
    await pass(990)
    expect(begun).toEqual(['a'])
    await pass(1_500)
    expect(begun).toEqual(['a', 'b'])
  })

  test('are checked beside clients that never pause, in the end', async () => {
    const { begun, ask } = confirming()
    for (let at = 0; at < 24; at += 1) {
      ask('a')
      await pass(500)
    }
    expect(begun).toEqual(['a'])
  })

  test('wait while something else goes first', async () => {
    let isBusy = true
    const { begun, ask } = confirming({ mayBegin: () => !isBusy })
    ask('a')
    await pass(30_000)
    expect(begun).toEqual([])
    isBusy = false
    await pass(1_000)
    expect(begun).toEqual(['a'])
  })

  test('are no more than so many; the oldest go', async () => {
    const { begun, ask } = confirming()
    for (let at = 0; at < 40; at += 1) ask(`${at}`)
    await pass(5_000)
    expect(begun.length).toBe(32)
    expect(begun[0]).toBe('8')
  })

  test('are let go when it stops, but for the one that runs', async () => {
    const { confirmations, begun, ask } = confirming({ checkMs: 300 })
    for (const file of ['a', 'b']) ask(file)
    await pass(1_100)
    expect(begun).toEqual(['a'])
    let isStopped = false
    void confirmations.stop().then(() => {
      isStopped = true
    })
    await pass(100)
    expect(isStopped).toBe(false)
    await pass(5_000)
    expect([isStopped, begun]).toEqual([true, ['a']])
  })

  test('are checked once at a time, at once where somebody has a verdict coming', async () => {
    const { confirmations, begun, ask, check } = confirming({ checkMs: 3_000 })
    const now = confirmations.now('a', () => check('a'))
    ask('a')
    ask('b')
    await pass(2_500)
    expect(begun).toEqual(['a'])
    await pass(1_000)
    await now
    expect(begun).toEqual(['a', 'b'])
  })

  test('are gone on with after one that comes to no verdict', async () => {
    const { confirmations, begun, failures, ask } = confirming()
    confirmations.later('a', () => Promise.reject(new Error('EMFILE')))
    ask('b')
    await pass(5_000)
    expect([begun, failures]).toEqual([['b'], ['a: Error: EMFILE']])
  })

  test('are forgotten at a stop, and those that come after it are checked', async () => {
    const { confirmations, begun, ask } = confirming()
    ask('a')
    await confirmations.stop()
    ask('b')
    await pass(2_000)
    expect(begun).toEqual(['b'])
  })
})
