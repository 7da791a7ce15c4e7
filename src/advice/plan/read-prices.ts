import {
  flag,
  integer,
  type Kind,
  list,
  oneOf,
  size,
  textKind,
  wrongType,
} from '../../config/kind.ts'
import type { Complain, KeyPath, Mistake } from '../../config/mistake.ts'
import { nearest } from '../../config/suggestion.ts'
import { type ParsedToml, parseToml, type TomlTable } from '../../config/toml.ts'
import { isTable } from '../../config/unknown-keys.ts'
import { memoryForms, type Part, partKinds } from './part.ts'
import { currencyName, day, money } from './price-kinds.ts'
import type { PriceTable } from './price-table.ts'

export type PriceReading =
  | { readonly ok: true; readonly table: PriceTable }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] }

/** Where a value stands, and who is told what is wrong with it. */
interface Place {
  readonly file: ParsedToml
  readonly report: (mistake: Mistake) => void
}

interface Field {
  readonly kind: Kind<unknown>
  readonly isOptional?: boolean
}
type Fields = Readonly<Record<string, Field>>

const text = textKind('text')
const tableFields: Fields = {
  as_of: { kind: day },
  currency: { kind: currencyName },
  source: { kind: text },
  note: { kind: text, isOptional: true },
}
const partFields: Fields = {
  kind: { kind: oneOf(partKinds) },
  name: { kind: text },
  models: { kind: list(text, { example: ['Crucial CT8G4SFRA32A'] }) },
  price: { kind: money },
  used: { kind: flag, isOptional: true },
}
const sizeField: Fields = { size: { kind: size } }
const machineFields: Fields = {
  memory: { kind: size },
  threads: { kind: integer({ least: 1, most: 4096, example: 4 }) },
  disk: { kind: size },
}
/** What a kind of part says besides. */
const extraFields: Readonly<Record<Part['kind'], Fields>> = {
  memory: { form: { kind: oneOf(memoryForms) }, ...sizeField },
  'sata-ssd': sizeField,
  'usb-ssd': sizeField,
  nvme: sizeField,
  cable: {},
  'usb-ethernet': {},
  machine: machineFields,
  hosted: machineFields,
}
const anyExtra = [...new Set(Object.values(extraFields).flatMap((fields) => Object.keys(fields)))]

/**
 * Reads a price table in TOML.
 *
 * @param fileName what to call it in mistakes
 * @returns the table, or every mistake in it, from top to bottom
 */
export function readPrices(toml: string, fileName: string): PriceReading {
  const mistakes: Mistake[] = []
  const file = parseToml(toml, fileName)
  mistakes.push(...file.mistakes)
  const place: Place = { file, report: (mistake) => void mistakes.push(mistake) }
  const { rates: ratesValue, part: partsValue, ...facts } = file.table
  const head = readFields(facts, tableFields, { ...place, at: [], others: ['rates', 'part'] })
  const rates = readRates(ratesValue, place)
  const parts = readParts(partsValue, place)
  if (mistakes.length > 0)
    return { ok: false, mistakes: mistakes.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) }
  const { as_of: asOf, source, note, currency } = head
  return { ok: true, table: { asOf, source, note, currency, rates, parts } as PriceTable }
}

function readParts(value: unknown, place: Place): Part[] {
  const { file, report } = place
  const here = file.place(['part'])
  if (value === undefined) {
    report({ ...here, message: 'there is no [[part]]: nothing could be bought' })
    return []
  }
  if (!Array.isArray(value) || !value.every(isTable)) {
    report({ ...here, message: wrongType('tables [[part]]', value) })
    return []
  }
  const names = new Set<unknown>()
  return value.flatMap((table, at) => {
    const path = ['part', at]
    const { name } = table
    if (name !== undefined && names.has(name))
      report({ ...file.place([...path, 'name']), message: 'is the name of another part too' })
    names.add(name)
    return readPart(table, path, place) ?? []
  })
}

function readPart(table: TomlTable, at: KeyPath, place: Place): Part | undefined {
  const kind = partKinds.find((one) => one === table.kind)
  // Of a kind nobody knows, nobody knows what it must say either.
  const [extra, others] = kind === undefined ? [{}, anyExtra] : [extraFields[kind], []]
  const values = readFields(table, { ...partFields, ...extra }, { ...place, at, others })
  if (kind === undefined) return undefined
  const { used, price, size: totalBytes, memory, disk, ...rest } = values
  return {
    ...rest,
    priceCents: price,
    isUsed: used ?? false,
    ...(totalBytes !== undefined && { totalBytes }),
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(disk !== undefined && { diskBytes: disk }),
  } as Part
}

function readRates(value: unknown, { file, report }: Place): Record<string, number> {
  if (value === undefined) return {}
  if (!isTable(value)) {
    report({ ...file.place(['rates']), message: wrongType('the table [rates]', value) })
    return {}
  }
  const rates: Record<string, number> = {}
  for (const [name, rate] of Object.entries(value)) {
    const at = file.place(['rates', name])
    currencyName.read(name, (problem) => void report({ ...at, ...problem }))
    if (typeof rate === 'number' && Number.isFinite(rate) && rate > 0) rates[name] = rate
    else report({ ...at, message: wrongType('a rate above 0 such as 0.9', rate) })
  }
  return rates
}

/** Reads the fields of a table; reports what is wrong, lacking, or not known. */
function readFields(
  table: TomlTable,
  fields: Fields,
  { file, report, at, others }: Place & { at: KeyPath; others: readonly string[] },
): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, { kind, isOptional = false }] of Object.entries(fields)) {
    const here = file.place([...at, name])
    const complain: Complain = (problem) => void report({ ...here, ...problem })
    if (Object.hasOwn(table, name)) values[name] = kind.read(table[name], complain)
    else if (!isOptional) complain({ message: `is missing; it is ${kind.expects}` })
  }
  for (const name of Object.keys(table)) {
    if (Object.hasOwn(fields, name) || others.includes(name)) continue
    const meant = nearest(name, [...Object.keys(fields), ...others])
    const suggestion = meant === undefined ? {} : { suggestion: meant }
    report({ ...file.place([...at, name]), message: 'unknown key', ...suggestion })
  }
  return values
}
