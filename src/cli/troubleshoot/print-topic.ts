import { isBranch, type Symptom, type Topic } from '../../advice/troubleshooting/symptom.ts'
import { symptomsOf } from '../../advice/troubleshooting/tree.ts'
import type { Paint } from '../display/text.ts'
import { wrap } from '../sidecar/print-advice.ts'

/** A symptom for people: how to tell it, where it comes from, what mends it. */
export function symptomLines(symptom: Symptom, paint: Paint): string[] {
  const { id, title, said, codes = [], signs, cause, mends, source } = symptom
  const words = [...said.map((message) => `"${message}"`), ...codes]
  return [
    `${paint('bold', title)}  ${paint('dim', id)}`,
    ...(words.length === 0 ? [] : labelled('Said', words.join(', '))),
    '',
    'How to tell',
    ...signs.flatMap(({ run, prints }) => [
      `  ${paint('cyan', `$ ${run}`)}`,
      ...wrap(prints, { indent: '      ', first: '    → ' }),
    ]),
    '',
    'Why',
    ...wrap(cause, { indent: '  ' }),
    '',
    'What to do',
    ...mends.flatMap(({ text, lines = [] }, at) => [
      ...wrap(text, { indent: '     ', first: `  ${at + 1}. ` }),
      ...lines.map((line) => `       ${paint('cyan', line)}`),
    ]),
    '',
    ...labelled('Source', source).map((line) => paint('dim', line)),
  ]
}

function labelled(label: string, text: string): string[] {
  return wrap(text, { indent: ' '.repeat(label.length + 2), first: `${label}: ` })
}

/** A topic with all that is beneath it. */
export function topicLines(topic: Topic, paint: Paint): string[] {
  if (!isBranch(topic)) return ['', ...symptomLines(topic, paint)]
  const heading = topic.title.toUpperCase()
  return [
    ...(topic.id === 'troubles' ? [] : ['', paint('bold', heading), '─'.repeat(heading.length)]),
    ...topic.children.flatMap((child) => topicLines(child, paint)),
  ]
}

/** Ids and titles, indented as the tree is. */
export function outlineLines(topic: Topic, paint: Paint, depth = 0): string[] {
  const children = isBranch(topic) ? topic.children : []
  const beneath = children.flatMap((child) => outlineLines(child, paint, depth + 1))
  if (topic.id === 'troubles') return children.flatMap((child) => outlineLines(child, paint))
  const id = `${'  '.repeat(depth)}${topic.id}`
  const title = isBranch(topic) ? paint('bold', topic.title) : topic.title
  const gap = isBranch(topic) && depth === 0 ? [''] : []
  return [...gap, `${id.padEnd(26)} ${title}`, ...beneath]
}

/** How many symptoms an answer leads to. */
export function countSymptoms(topic: Topic): number {
  return symptomsOf(topic).length
}
