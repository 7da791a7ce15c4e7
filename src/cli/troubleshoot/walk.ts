import { createInterface } from 'node:readline'
import {
  type Branch,
  isBranch,
  type Symptom,
  type Topic,
} from '../../advice/troubleshooting/symptom.ts'
import type { Paint } from '../display/text.ts'
import { countSymptoms, symptomLines } from './print-topic.ts'

export interface WalkOptions {
  readonly from: Branch
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly paint: Paint
}

/** What a person answered to a question. */
type Choice = { readonly at: number } | 'back' | 'quit' | 'unclear'

/** Asks question after question until a symptom is found; numbers choose, b goes back, q quits. */
export async function walkTree({ from, input, output, paint }: WalkOptions): Promise<void> {
  const reader = createInterface({ input, output })
  // Ctrl-C quits, as q and Ctrl-D do.
  reader.once('SIGINT', () => reader.close())
  // Read as a list: what is typed ahead of a question is its answer all the same.
  const answers = reader[Symbol.asyncIterator]()
  const write = (lines: readonly string[]) => output.write(`${lines.join('\n')}\n`)
  const way: Topic[] = [from]
  const show = (topic: Topic) =>
    write(isBranch(topic) ? questionLines(topic, paint) : leafLines(topic, paint))
  show(from)
  try {
    for (;;) {
      const topic = way.at(-1) as Topic
      const children = isBranch(topic) ? topic.children : []
      const prompt = promptOf(children.length, way.length > 1)
      reader.setPrompt(`${prompt}: `)
      reader.prompt()
      const { value = 'q', done } = await answers.next()
      const choice = done ? 'quit' : choiceOf(value, children.length)
      if (choice === 'quit') return
      if (choice === 'back' && way.length > 1) way.pop()
      else if (typeof choice === 'object') way.push(children[choice.at] as Topic)
      else {
        write([`Give ${prompt}.`])
        continue
      }
      show(way.at(-1) as Topic)
    }
  } finally {
    reader.close()
  }
}

function questionLines({ title, ask, children }: Branch, paint: Paint): string[] {
  return [
    '',
    paint('bold', title),
    ...(ask === title ? [] : [ask]),
    '',
    ...children.map((child, at) => {
      const more = isBranch(child) ? paint('dim', ` (${countSymptoms(child)})`) : ''
      return `${String(at + 1).padStart(3)}  ${child.title}${more}`
    }),
    '',
  ]
}

function leafLines(symptom: Symptom, paint: Paint): string[] {
  return ['', ...symptomLines(symptom, paint), '']
}

function promptOf(count: number, hasBack: boolean): string {
  const number = count === 0 ? [] : [count === 1 ? '1' : `1 to ${count}`]
  return [...number, ...(hasBack ? ['b for back'] : []), 'q to quit'].join(', ')
}

function choiceOf(text: string, count: number): Choice {
  const answer = text.trim().toLowerCase()
  if (answer === 'q' || answer === 'quit') return 'quit'
  if (answer === 'b' || answer === 'back') return 'back'
  const number = Number(answer)
  const isChoice = /^\d+$/.test(answer) && number >= 1 && number <= count
  return isChoice ? { at: number - 1 } : 'unclear'
}
