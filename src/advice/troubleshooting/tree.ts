import { crashes } from './crashes.ts'
import { inadequate } from './inadequate.ts'
import { notReached } from './not-reached.ts'
import { notStarting } from './not-starting.ts'
import { notUsed } from './not-used.ts'
import { recovery } from './recovery.ts'
import { refused } from './refused.ts'
import { slow } from './slow.ts'
import { type Branch, isBranch, type Symptom, type Topic } from './symptom.ts'
import { upstream } from './upstream.ts'

/** Everything that is known to go wrong, by what people see of it. */
export const troubles: Branch = {
  id: 'troubles',
  title: 'What is wrong?',
  ask: 'What is wrong?',
  children: [
    {
      id: 'not-working',
      title: 'It does not work',
      ask: 'How far does it get?',
      children: [notStarting, notReached, notUsed, refused, upstream],
    },
    slow,
    crashes,
    recovery,
    inadequate,
  ],
}

/** Every symptom below a topic, in the order of the tree. */
export function symptomsOf(topic: Topic): readonly Symptom[] {
  return isBranch(topic) ? topic.children.flatMap(symptomsOf) : [topic]
}

/** @returns the topic of that id, wherever it stands */
export function topicOf(id: string, from: Topic = troubles): Topic | undefined {
  if (from.id === id) return from
  if (!isBranch(from)) return undefined
  for (const child of from.children) {
    const found = topicOf(id, child)
    if (found !== undefined) return found
  }
  return undefined
}
