import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ConfirmLater } from '../../src/proxy/confirm-later.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

interface QueueOptions {
  readonly checkMs?: number
  readonly mayBegin?: () => boolean
}

/** A queue whose checks take so long, and the files whose checks have begun. */
function queue({ checkMs = 0, mayBegin = () => true }: QueueOptions = {}) {
  const begun: string[] = []
  const later = new ConfirmLater(mayBegin)
  const ask = (file: string) => {
    later.asked()
    later.add(file, async () => {
      begun.push(file)
      if (checkMs > 0) await new Promise((resolve) => setTimeout(resolve, checkMs))
    })
  }
  return { later, begun, ask }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('NARs that are to be checked', () => {
  test('are, one after the other, once nobody asks any more', async () => {
    const { begun, ask } = queue({ checkMs: 1_000 })
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
    const { later, begun, ask } = queue({ checkMs: 300 })
    for (const file of ['a', 'b']) ask(file)
    await pass(2_100)
    const before = begun.length
    later.asked()
    await pass(900)
    expect(begun.length).toBeLessThanOrEqual(before + 1)
    await pass(3_000)
    expect(begun).toEqual(['a', 'b'])
  })

  test('are checked beside clients that never pause, in the end', async () => {
    const { begun, ask } = queue()
    for (let at = 0; at < 24; at += 1) {
      ask('a')
      await pass(500)
    }
    expect(begun).toEqual(['a'])
  })

  test('wait while something else goes first', async () => {
    let isBusy = true
    const { begun, ask } = queue({ mayBegin: () => !isBusy })
    ask('a')
    await pass(30_000)
    expect(begun).toEqual([])
    isBusy = false
    await pass(1_000)
    expect(begun).toEqual(['a'])
  })

  test('are no more than so many; the oldest go', async () => {
    const { begun, ask } = queue()
    for (let at = 0; at < 40; at += 1) ask(`${at}`)
    await pass(5_000)
    expect(begun.length).toBe(32)
    expect(begun[0]).toBe('8')
  })

  test('are let go when it stops, but for the one that runs', async () => {
    const { later, begun, ask } = queue({ checkMs: 300 })
    for (const file of ['a', 'b']) ask(file)
    await pass(1_100)
    expect(begun).toEqual(['a'])
    let isStopped = false
    void later.stop().then(() => {
      isStopped = true
    })
    await pass(100)
    expect(isStopped).toBe(false)
    await pass(5_000)
    expect([isStopped, begun]).toEqual([true, ['a']])
  })
})
