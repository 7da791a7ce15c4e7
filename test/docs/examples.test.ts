import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { type MachineName, machines } from '../support/machines.ts'
import { exampleMachines, examplePage, indexPage } from './example-pages.ts'

const pages = join(import.meta.dirname, '../../docs/examples')
const isUpdating = process.env.UPDATE_EXAMPLES === '1'
const names = Object.keys(machines) as MachineName[]

/** Holds a page against what it should be, or writes it. */
function expectPage(file: string, text: string): void {
  if (isUpdating) writeFileSync(join(pages, file), text)
  expect(readFileSync(join(pages, file), 'utf8')).toBe(text)
}

beforeAll(() => {
  mkdirSync(pages, { recursive: true })
})

test.concurrent.each(names)(
  'docs/examples/%s.md is what the commands say',
  async (name) => {
    expectPage(`${name}.md`, await examplePage(name))
  },
  180_000,
)

test('every machine has its page, and docs/examples/README.md lists them', () => {
  expectPage('README.md', indexPage())
  expect(Object.keys(exampleMachines).toSorted()).toEqual(names.toSorted())
  expect(readdirSync(pages).toSorted()).toEqual(
    ['README.md', ...names.map((name) => `${name}.md`)].toSorted(),
  )
})

test.each(names)(
  'no line of docs/examples/%s.md is wider than 80 columns, but for names',
  (name) => {
    const text = readFileSync(join(pages, `${name}.md`), 'utf8')
    const blocks = text.split('```').filter((_, at) => at % 2 === 1)
    const wide = blocks
      .join('\n')
      .split('\n')
      .filter(
        (line) =>
          [...line].length > 80 &&
          line.trim().includes('  ') === false &&
          line.trim().includes(' '),
      )
    expect(wide).toEqual([])
  },
)
