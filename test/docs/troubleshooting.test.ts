import { isBranch, type Symptom, type Topic } from '../../src/advice/troubleshooting/symptom.ts'
import { troubles } from '../../src/advice/troubleshooting/tree.ts'
import { holdBlocks } from './held-blocks.ts'

holdBlocks('R3: troubleshooting.md', {
  contents: () => contents(troubles, 0).join('\n'),
  symptoms: () => troubles.children.flatMap((topic) => section(topic, 2)).join('\n\n'),
})

function contents(topic: Topic, depth: number): string[] {
  const below = isBranch(topic) ? topic.children.flatMap((one) => contents(one, depth + 1)) : []
  if (depth === 0) return below
  return [`${'  '.repeat(depth - 1)}- [${plain(topic.title)}](#${topic.id})`, ...below]
}

function section(topic: Topic, level: number): string[] {
  const heading = `<a id="${topic.id}"></a>\n\n${'#'.repeat(level)} ${plain(topic.title)}`
  if (!isBranch(topic)) return [heading, ...symptomLines(topic)]
  return [heading, plain(topic.ask), ...topic.children.flatMap((one) => section(one, level + 1))]
}

function symptomLines({ said, codes = [], signs, cause, mends, source }: Symptom): string[] {
  const words = [...said, ...codes].map((text) => `\`${text.replaceAll('`', "'")}\``)
  return [
    ...(words.length > 0 ? [`Said: ${words.join(', ')}`] : []),
    `How to tell:\n\n${signs.map(({ run, prints }) => `- \`${run}\`: ${plain(prints)}`).join('\n')}`,
    `Why: ${plain(cause)}`,
    `What to do:\n\n${mends.map(({ text, lines = [] }, at) => `${at + 1}. ${plain(text)}${code(lines)}`).join('\n')}`,
    `Known from: ${plain(source)}`,
  ]
}

function code(lines: readonly string[]): string {
  if (lines.length === 0) return ''
  const indented = lines.flatMap((line) => line.split('\n')).map((line) => `   ${line}`)
  return `\n\n   \`\`\`\n${indented.join('\n')}\n   \`\`\`\n`
}

/** What Markdown would take for markup stands there as it is. */
function plain(text: string): string {
  return text.replace(/(?<!`)([<>*_])(?!`)/g, '\\$1')
}
