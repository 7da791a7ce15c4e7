import { isErrorCode } from '../../errors.ts'
import { isBranch, type Symptom, type Topic } from './symptom.ts'
import { symptomsOf, topicOf, troubles } from './tree.ts'

/** Words of a message that stand in every one. */
const empty = new Set(['error', 'warning', 'the', 'a', 'an', 'is', 'it', 'of', 'for', 'to', 'and'])

/**
 * Finds what a person means: an id, an error code, a message of Nix as it was pasted, or words.
 *
 * @returns the one topic that is named; else symptoms, the best first; none where nothing fits
 */
export function findTopics(text: string): readonly Topic[] {
  const named = topicOf(text.trim().toLowerCase())
  if (named !== undefined) return [named]
  const all = symptomsOf(troubles)
  const code = text.trim().toUpperCase()
  if (isErrorCode(code)) return all.filter(({ codes }) => codes?.some((one) => one === code))
  const quoted = all.filter(({ said }) => said.some((message) => matches(message, text)))
  if (quoted.length > 0) return quoted
  const words = wordsOf(text)
  if (words.length === 0) return []
  const scored = all
    .map((symptom) => ({ symptom, score: scoreOf(symptom, words) }))
    .filter(({ score }) => score > 0)
    .toSorted((a, b) => b.score - a.score)
  return scored.map(({ symptom }) => symptom)
}

/** True where `text` holds a message of several words, whatever stands for its "…". */
function matches(message: string, text: string): boolean {
  const parts = message.split('…').map(plain).filter(Boolean)
  if (parts.join(' ').split(' ').length < 3) return false
  let from = 0
  const searched = plain(text)
  return parts.every((part) => {
    const at = searched.indexOf(part, from)
    from = at + part.length
    return at >= 0
  })
}

/** All words must be found; those in a title count more than those in a cause. */
function scoreOf(symptom: Symptom, words: readonly string[]): number {
  const strong = wordsOf(`${symptom.id} ${symptom.title} ${symptom.said.join(' ')}`)
  const weak = wordsOf(`${symptom.cause} ${symptom.mends.map(({ text }) => text).join(' ')}`)
  let score = 0
  for (const word of words) {
    const has = (among: readonly string[]) => among.some((other) => other.startsWith(word))
    if (has(strong)) score += 3
    else if (has(weak)) score += 1
    else return 0
  }
  return score
}

function wordsOf(text: string): string[] {
  return plain(text)
    .split(' ')
    .filter((word) => word !== '' && !empty.has(word))
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()
}

/** How many symptoms stand below a topic. */
export function countSymptoms(topic: Topic): number {
  return isBranch(topic) ? symptomsOf(topic).length : 1
}
