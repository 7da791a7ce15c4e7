import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const docs = join(import.meta.dirname, '../../docs')

/**
 * Holds the parts of a page that are made from data against that data: what stands between
 * `<!-- NAME: begin -->` and `<!-- NAME: end -->`. With UPDATE_DOCS=1 they are written anew instead.
 *
 * @param row the row of docs/seed.md it belongs to, and the page: "R1: hardware.md"
 * @param blocks Markdown by name, made from the data
 */
export function holdBlocks(row: string, blocks: Readonly<Record<string, () => string>>): void {
  const page = row.replace(/^\w+: /, '')
  const file = join(docs, page)
  const textNow = () => readFileSync(file, 'utf8')

  test(`${row} has the blocks that are made from data, and no other`, () => {
    const begun = [...textNow().matchAll(/^<!-- ([\w-]+): begin -->$/gm)].map(([, name]) => name)
    expect(begun.toSorted()).toEqual(Object.keys(blocks).toSorted())
  })

  test.each(Object.entries(blocks))(`${row} tells %s as the code has it`, (name, make) => {
    const text = textNow()
    const [begin, end] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->`]
    const from = text.indexOf(begin) + begin.length
    const to = text.indexOf(end)
    expect(to, `${end} is missing`).toBeGreaterThan(from)
    const wanted = `\n${make().trim()}\n\n`
    if (process.env.UPDATE_DOCS === '1')
      writeFileSync(file, text.slice(0, from) + wanted + text.slice(to))
    else
      expect(text.slice(from, to), 'UPDATE_DOCS=1 npx vitest run test/docs writes it anew').toBe(
        wanted,
      )
  })
}

/** A table in Markdown. */
export function table(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(header), `|${header.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
