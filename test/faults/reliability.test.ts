import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const docs = join(import.meta.dirname, '../../docs')
const text = readFileSync(join(docs, 'reliability.md'), 'utf8')
const own = 'reliability.test.ts'

/** Row → the files its line names. */
const rows = new Map(
  [...text.matchAll(/^\| ([UCSDR]\d+) \|(.*)$/gm)].map(([, id = '', line = '']) => [
    id,
    [...line.matchAll(/\]\(([^)]+)\)/g)].map(([, file = '']) => join(docs, file)),
  ]),
)

test('docs/reliability.md names only tests that are there, and each knows the row', () => {
  expect(rows.size).toBeGreaterThan(35)
  for (const [id, files] of rows) {
    const about = files.filter((file) => existsSync(file))
    expect(about, id).toEqual(files)
    if (files.length === 0) continue
    const named = about.some((file) => readFileSync(file, 'utf8').includes(id))
    expect(named, `some test of ${id} says so in its name`).toBe(true)
  }
})

test('docs/reliability.md names every test of the catalogue', () => {
  const inDocs = [...rows.values()].flat().map((file) => file.split('/').at(-1))
  const lacking = readdirSync(import.meta.dirname).filter(
    (name) => name.endsWith('.test.ts') && name !== own && !inDocs.includes(name),
  )
  expect(lacking, 'add their rows to docs/reliability.md').toEqual([])
})
