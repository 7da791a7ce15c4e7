import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const docs = join(import.meta.dirname, '../../docs')
const page = readFileSync(join(docs, 'seed.md'), 'utf8')

/** Everything that was asked for. */
const wanted = [
  ...['A1', 'A2', 'A3', 'A4'],
  ...['T1', 'T2', 'T3', 'T3v', 'T4', 'T5', 'T6'],
  ...['R1', 'R2', 'R3', 'R4'],
  ...['P1', 'P2', 'P3', 'P4', 'P5'],
  ...['D1', 'D2', 'D3'],
  ...['S1', 'S2', 'S3'],
  ...['K1', 'K2', 'K3', 'K4', 'K5', 'K6'],
]

const rows = [...page.matchAll(/^\| ([A-Z]\dv?) \| (.+) \| (.+) \| (.+) \|$/gm)].map(
  ([, id = '', what = '', shown = '', tests = '']) => ({ id, what, shown, tests }),
)

test('docs/seed.md has a row for everything that was asked for, in order, and no other', () => {
  expect(rows.map(({ id }) => id)).toEqual(wanted)
})

test.each(rows)('$id is shown by a command or a page', ({ shown }) => {
  expect(shown).toMatch(/`narwhal [a-z-]+|\]\([a-z-]+\.md\)/)
})

test.each(rows)(
  '$id names tests that are there, and each has the row in the name of a test',
  (row) => {
    const files = [...row.tests.matchAll(/\]\(([^)]+)\)/g)].map(([, file = '']) => join(docs, file))
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      expect(existsSync(file), file).toBe(true)
      expect(
        namesIn(readFileSync(file, 'utf8')).some((name) => knows(name, row.id)),
        file,
      ).toBe(true)
    }
  },
)

/** Names of tests and of what they stand in; pages made from data give theirs to holdBlocks. */
function namesIn(text: string): string[] {
  const pattern =
    /\b(?:test|describe|holdBlocks|testWith\([^)]*\))(?:\.\w+(?:<[^>]*>)?)*\s*\(\s*(?:[^'"`]*?\)\s*\(\s*)?(['"`])(.*?)\1/g
  return [...text.matchAll(pattern)].map(([, , name = '']) => name)
}

function knows(name: string, id: string): boolean {
  return new RegExp(`\\b${id}\\b`).test(name)
}
