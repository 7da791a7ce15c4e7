import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { StoreHash } from '../../src/nix/store-path.ts'
import { ForgivingIndex } from '../../src/store/forgiving-index.ts'
import { silentLog } from '../../src/telemetry.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { tempDir } from '../support/temp-dir.ts'

const recordOf = (number: number) => ({
  hash: String(number).padStart(32, '0') as StoreHash,
  ...{ text: `narinfo ${number}`, file: `${number}.nar`, upstream: 'up' },
  upstreamUrl: `nar/${number}.nar`,
})

async function openIndex() {
  const path = join(await tempDir('index'), 'index.sqlite')
  const index = ForgivingIndex.open(path, silentLog)
  atTestEnd(() => index.close(false))
  const other = new DatabaseSync(path, { readOnly: true })
  atTestEnd(() => other.close())
  const committed = () => Number(other.prepare('SELECT count(*) AS rows FROM narinfo').get()?.rows)
  return { path, index, committed }
}

test('what is written is there at once, and committed together a moment later', async () => {
  const { index, committed } = await openIndex()
  for (let number = 0; number < 100; number += 1) index.putNarinfo(recordOf(number))
  expect(index.narinfo(recordOf(99).hash)).toMatchObject(recordOf(99))
  expect(committed()).toBe(0)
  await expect.poll(committed).toBe(100)
})

test('one step of several writes is committed as such, with what was written before it', async () => {
  const { index, committed } = await openIndex()
  index.putNarinfo(recordOf(1))
  index.transaction(() => {
    index.putNarinfo(recordOf(2))
    expect(committed()).toBe(1)
    index.putNarinfo(recordOf(3))
  })
  expect(committed()).toBe(3)
})

test('what something relies on is committed at once, with all before it', async () => {
  const { index, committed } = await openIndex()
  index.putNarinfo(recordOf(1))
  index.putNarinfo(recordOf(2))
  index.settle(recordOf(3).hash)
  expect(committed()).toBe(0)
  index.settle(recordOf(2).hash)
  expect(committed()).toBe(2)
  index.putNarinfo(recordOf(3))
  index.settle(recordOf(2).hash)
  expect(committed()).toBe(2)
  await expect.poll(committed).toBe(3)
})

test('closing commits', async () => {
  const { index, committed } = await openIndex()
  index.putNarinfo(recordOf(1))
  index.close(true)
  expect(committed()).toBe(1)
})

describe('a narinfo that was looked up', () => {
  const record = recordOf(1)
  const { hash } = record

  test('is the same object until something changes of it', async () => {
    const { index } = await openIndex()
    index.putNarinfo(record)
    const before = index.narinfo(hash)
    expect(index.narinfo(hash)).toBe(before)
    index.putNarinfo({ ...record, text: 'another' })
    expect(index.narinfo(hash)?.text).toBe('another')
    index.deleteNarinfo(hash)
    expect(index.narinfo(hash)).toBeUndefined()
  })

  test('is known no more when the step that wrote it is undone', async () => {
    const { index } = await openIndex()
    index.transaction(() => {
      index.putNarinfo(record)
      expect(index.narinfo(hash)?.text).toBe(record.text)
      throw new Error('no')
    })
    expect(index.narinfo(hash)).toBeUndefined()
  })

  test('stays what it was where another could not be written', async () => {
    const { index, path } = await openIndex()
    index.putNarinfo(record)
    index.commit()
    const other = new DatabaseSync(path)
    atTestEnd(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    index.putNarinfo({ ...record, text: 'another' })
    other.exec('ROLLBACK')
    expect(index.narinfo(hash)?.text).toBe(record.text)
  })
})
