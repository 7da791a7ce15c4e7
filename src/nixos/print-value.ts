import {
  callTag,
  linesTag,
  type NixCall,
  type NixLines,
  type NixReference,
  type NixValue,
  referenceTag,
} from './nix-value.ts'
import { attributeName, attributePath, quote, quoteLines } from './quote.ts'

const width = 100
const step = '  '

/**
 * Writes a value in the Nix language.
 *
 * @param indent what the line begins with: lines that follow start two columns further in
 * @throws RangeError for text or a number that Nix has no value for
 */
export function printValue(value: NixValue, indent = ''): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number') return printNumber(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (isList(value)) return printList(value, indent)
  if (isLines(value)) return quoteLines(value[linesTag], indent)
  if (isReference(value)) return attributePath(value[referenceTag])
  if (isCall(value)) return printCall(value, indent)
  return printAttributes(value as Readonly<Record<string, NixValue>>, indent)
}

function printCall(call: NixCall, indent: string): string {
  return [call[callTag], ...call.args.map((arg) => printOperand(arg, indent))].join(' ')
}

/** In a list and as an argument, calls and negative numbers stand in parentheses. */
function printOperand(value: NixValue, indent: string): string {
  const text = printValue(value, indent)
  const isNegative = typeof value === 'number' && text.startsWith('-')
  return isNegative || isCall(value) ? `(${text})` : text
}

function printList(list: readonly NixValue[], indent: string): string {
  if (list.length === 0) return '[ ]'
  const inner = indent + step
  const items = list.map((item) => printOperand(item, inner))
  const short = `[ ${items.join(' ')} ]`
  if (fits(short, indent)) return short
  return `[\n${items.map((item) => `${inner}${item}\n`).join('')}${indent}]`
}

function printAttributes(attributes: Readonly<Record<string, NixValue>>, indent: string): string {
  const entries = Object.entries(attributes)
  if (entries.length === 0) return '{ }'
  const inner = indent + step
  const bindings = entries.map(
    ([name, value]) => `${inner}${attributeName(name)} = ${printValue(value, inner)};\n`,
  )
  return `{\n${bindings.join('')}${indent}}`
}

/** A float must show its point; a whole number must fit 64 bits and be what JavaScript says it is. */
function printNumber(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '0' : String(value)
  if (!Number.isFinite(value) || Number.isInteger(value))
    throw new RangeError(`${value} is no number of the Nix language`)
  const [digits = '', exponent] = String(value).split('e')
  const withPoint = digits.includes('.') ? digits : `${digits}.0`
  return exponent === undefined ? withPoint : `${withPoint}e${exponent}`
}

function fits(text: string, indent: string): boolean {
  return !text.includes('\n') && indent.length + text.length <= width - 20
}

function isList(value: NixValue): value is readonly NixValue[] {
  return Array.isArray(value)
}

export function isCall(value: NixValue): value is NixCall {
  return typeof value === 'object' && value !== null && callTag in value
}

function isReference(value: NixValue): value is NixReference {
  return typeof value === 'object' && value !== null && referenceTag in value
}

function isLines(value: NixValue): value is NixLines {
  return typeof value === 'object' && value !== null && linesTag in value
}
