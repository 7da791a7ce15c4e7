/** What stands between them is written by the bench, and only that. */
const begin = '<!-- figures: begin -->'
const end = '<!-- figures: end -->'

/**
 * Puts new figures between the markers of a page.
 *
 * @throws Error when the page lacks a marker
 */
export function withFigures(page: string, figures: string): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from === -1 || to < from) throw new Error(`the page needs ${begin} and, after it, ${end}`)
  return `${page.slice(0, from + begin.length)}\n\n${figures.trim()}\n\n${page.slice(to)}`
}
