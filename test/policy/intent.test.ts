import { describe, expect, test } from 'vitest'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { Clients } from '../../src/policy/intent.ts'

const hash = (at: number) => String(at) as StoreHash

describe('a client', () => {
  test('wants what it asked for in the last ten minutes, in the order of first asking', () => {
    const client = new Clients().of('a', 0)
    expect(client.note(hash(1), 0)).toBe(true)
    client.note(hash(2), 1)
    client.note(hash(3), 2)
    expect(client.note(hash(1), 300_000)).toBe(false)
    client.drop(hash(2))
    expect(client.wanted(300_000)).toEqual(['1', '3'])
    expect(client.wanted(600_002)).toEqual(['1'])
  })

  test('that downloads wants what it asked for before it began, however long that takes', () => {
    const clients = new Clients()
    const client = clients.of('a', 0)
    client.note(hash(1), 0)
    client.note(hash(2), 500_000)
    for (let now = 700_000; now < 5_000_000; now += 50_000) client.noteNar(now)
    expect(client.wanted(5_000_000)).toEqual(['2'])
    clients.tidy(5_000_000)
    expect(client.isForgotten).toBe(false)
    client.note(hash(3), 6_000_000)
    client.noteNar(6_000_000)
    expect(client.wanted(6_000_000)).toEqual(['3'])
  })

  test('has 8192 wants at most; the oldest go', () => {
    const client = new Clients().of('a', 0)
    for (let at = 0; at < 8200; at += 1) client.note(hash(at), 0)
    expect(client.size).toBe(8192)
    expect(client.wanted(0)[0]).toBe('8')
  })
})

describe('of all clients', () => {
  test('256 at most are known; who was here longest ago is forgotten', () => {
    const clients = new Clients()
    const first = clients.of('0', 0)
    const second = clients.of('1', 1)
    for (let at = 2; at < 256; at += 1) clients.of(String(at), at)
    first.note(hash(1), 1000)
    clients.of('one more', 1001)
    expect([first.isForgotten, second.isForgotten, clients.size]).toEqual([false, true, 256])
    expect(clients.of('0', 0)).toBe(first)
  })

  test('whoever was not here for ten minutes is forgotten', () => {
    const clients = new Clients()
    const client = clients.of('a', 0)
    clients.tidy(599_999)
    expect(client.isForgotten).toBe(false)
    clients.tidy(600_000)
    expect(client.isForgotten).toBe(true)
  })

  test('wants of all together are bounded', () => {
    const clients = new Clients()
    const all = Array.from({ length: 10 }, (_, at) => clients.of(String(at), at))
    for (const client of all)
      for (let at = 0; at < 8192; at += 1) client.note(hash(at), client.lastSeen)
    clients.tidy(10)
    expect(all.map(({ isForgotten }) => isForgotten)).toEqual([true, true, ...Array(8).fill(false)])
  })
})
