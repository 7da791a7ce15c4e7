/** Markdown as Notion imports it: headings, boxes, and tables of one line a row. */

/** Text for a cell: a bar or a line break would end it. */
export function cell(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .trim()
}

/** A command or a setting, as code; a backtick in it has no place there. */
export function code(text: string): string {
  return `\`${text.replaceAll('`', "'")}\``
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${heads.map((_head, at) => cell(cells[at] ?? '')).join(' | ')} |`
  return [line(heads), `|${heads.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n')
}

export interface Task {
  readonly text: string
  readonly isDone?: boolean
}

export function checklist(tasks: readonly Task[]): string {
  return tasks
    .map(({ text, isDone = false }) => `- [${isDone ? 'x' : ' '}] ${cell(text)}`)
    .join('\n')
}

export function list(points: readonly string[]): string {
  return points.map((point) => `- ${cell(point)}`).join('\n')
}

/** Paragraphs, headings, tables and lists, an empty line between each two. */
export function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}
