import { comment, type Reason, reasonComment } from './comment.ts'
import type { NixValue } from './nix-value.ts'
import { checkOption } from './options.ts'
import { printValue } from './print-value.ts'
import { attributePath } from './quote.ts'

/** One option set to a value, with the reason. */
export interface Assignment {
  readonly path: readonly string[]
  readonly value: NixValue
  readonly because?: Reason | string
  /** written as a comment: it needs something done first, or a decision */
  readonly isSuggestion?: boolean
}

export interface Section {
  readonly title: string
  readonly assignments: readonly Assignment[]
}

/** A NixOS module, as data. */
export interface NixosModule {
  /** said at the top of the file */
  readonly header: string
  readonly sections: readonly Section[]
}

const indent = '  '

/**
 * Writes a file that goes into `imports` of a NixOS configuration.
 *
 * @throws TypeError for an option NixOS does not have, for a value of another type, and for an
 * option set twice
 */
export function moduleText({ header, sections }: NixosModule): string {
  const filled = sections.filter(({ assignments }) => assignments.length > 0)
  checkAssignments(filled.flatMap(({ assignments }) => assignments))
  const body = filled.map(sectionText).join('\n\n')
  return `${comment(header)}\n{ lib, pkgs, ... }:\n{\n${body}\n}\n`
}

/** Options that share a reason stand together under it. */
function sectionText({ title, assignments }: Section): string {
  const rule = `${indent}# --- ${title} `.padEnd(79, '-')
  let text = rule
  let reason: string | undefined
  for (const { because, ...assignment } of assignments) {
    const above = because === undefined ? undefined : reasonComment(because, indent)
    const isShared = above === undefined ? text !== rule : above === reason
    if (above !== undefined) reason = above
    text += isShared ? '\n' : above === undefined ? '\n\n' : `\n\n${above}\n`
    text += assignmentText(assignment)
  }
  return text
}

function assignmentText({ path, value, isSuggestion }: Assignment): string {
  const text = `${indent}${attributePath(path)} = ${printValue(value, indent)};`
  return isSuggestion ? text.replaceAll(/^ {2}/gm, `${indent}#`) : text
}

function checkAssignments(assignments: readonly Assignment[]): void {
  const seen = new Set<string>()
  for (const { path, value } of assignments) {
    checkOption(path, value)
    const name = attributePath(path)
    if (seen.has(name)) throw new TypeError(`${name} is set twice`)
    seen.add(name)
  }
}
