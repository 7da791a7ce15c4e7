import { nearest } from '../config/suggestion.ts'
import type { MachineDescription } from './described-machine.ts'
import {
  type Cpu,
  type Disk,
  diskKinds,
  type Link,
  type Measured,
  type Memory,
  type System,
  type Troubles,
} from './machine.ts'

/** What is wrong at one place of a machine file. */
export interface MachineMistake {
  /** the way to it, as jq writes it: ".disks[0].totalBytes"; empty for the file as a whole */
  readonly path: string
  readonly message: string
}

export type MachineReading =
  | { readonly ok: true; readonly description: MachineDescription }
  | { readonly ok: false; readonly mistakes: readonly MachineMistake[] }

/** Says what a value should have been; undefined when it is right. */
type Check = (value: unknown) => string | undefined
type Checks<Part> = Readonly<Record<keyof Part, Check>>

/**
 * Reads a machine from JSON: what `narwhal diagnose --json` prints, or what stands there under
 * "machine". Facts may be left out, or be null: they are not known then. Only memory.totalBytes must
 * be there.
 *
 * @returns the facts given, or every mistake at once
 */
export function readMachineFile(text: string): MachineReading {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ok: false, mistakes: [{ path: '', message: `this is not JSON: ${reason}` }] }
  }
  const [machine, path] =
    isRecord(value) && isRecord(value.machine) ? [value.machine, '.machine'] : [value, '']
  const mistakes: MachineMistake[] = []
  const description = readSections(machine, { path, mistakes })
  return mistakes.length === 0 ? { ok: true, description } : { ok: false, mistakes }
}

interface Place {
  readonly path: string
  readonly mistakes: MachineMistake[]
}

function readSections(value: unknown, { path, mistakes }: Place): MachineDescription {
  if (!isRecord(value)) {
    mistakes.push({ path, message: 'must be an object: {"memory": {"totalBytes": 4294967296}, …}' })
    return {}
  }
  const known = ['cpu', 'memory', 'disks', 'links', 'system', 'troubles', 'measured']
  complainOfUnknown(value, known, { path, mistakes })
  const part = <Part>(name: string, checks: Checks<Part>): Partial<Part> =>
    readPart(value[name] ?? {}, checks, { path: `${path}.${name}`, mistakes })
  const list = <Part>(name: string, checks: Checks<Part>): Partial<Part>[] => {
    const items = value[name] ?? []
    if (Array.isArray(items))
      return items.map((item, at) =>
        readPart(item, checks, { path: `${path}.${name}[${at}]`, mistakes }),
      )
    mistakes.push({ path: `${path}.${name}`, message: 'must be a list: [{"kind": "hdd", …}]' })
    return []
  }
  const description = {
    cpu: part<Cpu>('cpu', cpuChecks),
    memory: part<Memory>('memory', memoryChecks),
    disks: list<Disk>('disks', diskChecks),
    links: list<Link>('links', linkChecks),
    system: part<System>('system', systemChecks),
    troubles: part<Troubles>('troubles', troubleChecks),
    measured: part<Required<Measured>>('measured', measuredChecks),
  }
  complainOfContradictions(description, { path, mistakes })
  return description
}

function readPart<Part>(value: unknown, checks: Checks<Part>, place: Place): Partial<Part> {
  const { path, mistakes } = place
  if (!isRecord(value)) {
    mistakes.push({ path, message: 'must be an object: {"name": value, …}' })
    return {}
  }
  complainOfUnknown(value, Object.keys(checks), place)
  const facts: Record<string, unknown> = {}
  for (const [name, check] of Object.entries<Check>(checks)) {
    const fact = value[name]
    if (fact === undefined || fact === null) continue
    const wanted = check(fact)
    if (wanted === undefined) facts[name] = fact
    else
      mistakes.push({ path: `${path}.${name}`, message: `must be ${wanted}, not ${shown(fact)}` })
  }
  return facts as Partial<Part>
}

function complainOfUnknown(
  value: Record<string, unknown>,
  known: readonly string[],
  { path, mistakes }: Place,
): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`
    const key = /^\w+$/.test(name) ? name : `[${shown(name)}]`
    mistakes.push({ path: `${path}.${key}`, message: `nobody knows this name${hint}` })
  }
}

function complainOfContradictions(
  { memory, disks }: MachineDescription,
  { path, mistakes }: Place,
): void {
  const { totalBytes, availableBytes } = memory ?? {}
  if (totalBytes === undefined && !mistakes.some((m) => m.path === `${path}.memory.totalBytes`))
    mistakes.push({ path: `${path}.memory.totalBytes`, message: 'is missing: bytes of memory' })
  if ((availableBytes ?? 0) > (totalBytes ?? Number.POSITIVE_INFINITY))
    mistakes.push({ path: `${path}.memory.availableBytes`, message: 'is more than totalBytes' })
  disks?.forEach((disk, at) => {
    if ((disk.freeBytes ?? 0) > (disk.totalBytes ?? Number.POSITIVE_INFINITY))
      mistakes.push({ path: `${path}.disks[${at}].freeBytes`, message: 'is more than totalBytes' })
  })
}

const text: Check = (value) => (typeof value === 'string' ? undefined : 'a text')
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false')
const texts: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? undefined
    : 'a list of texts'
const settings: Check = (value) =>
  isRecord(value) && Object.values(value).every((item) => typeof item === 'string')
    ? undefined
    : 'an object of texts'
const count: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0
    ? undefined
    : 'a whole number that is not negative'
const bytes: Check = (value) => (count(value) === undefined ? undefined : 'a whole number of bytes')
const atLeastOne: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 1 ? undefined : 'a whole number from 1'
const aboveZero: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? undefined : 'a number above 0'
const notNegative: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? undefined
    : 'a number that is not negative'
const share: Check = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'a share from 0 to 1'
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : `one of ${words.join(', ')}`

const cpuChecks: Checks<Cpu> = {
  model: text,
  cores: aboveZero,
  threads: atLeastOne,
  architecture: text,
  maxMegahertz: aboveZero,
  features: texts,
  throttledCount: count,
}
const memoryChecks: Checks<Memory> = {
  totalBytes: (value) => (atLeastOne(value) === undefined ? undefined : 'a whole number of bytes'),
  availableBytes: bytes,
  zramBytes: bytes,
  diskSwapBytes: bytes,
  swappiness: count,
  isLimited: flag,
}
const diskChecks: Checks<Disk> = {
  name: text,
  kind: oneOf(...diskKinds),
  model: text,
  totalBytes: bytes,
  freeBytes: bytes,
  freeInodeShare: share,
  filesystem: text,
  mountPoint: text,
  mountOptions: texts,
  scheduler: text,
  isHealthy: flag,
}
const linkChecks: Checks<Link> = {
  name: text,
  kind: oneOf('ethernet', 'wifi', 'virtual'),
  bitsPerSecond: aboveZero,
  duplex: oneOf('full', 'half'),
  driver: text,
  mtu: atLeastOne,
  isUp: flag,
  hasDefaultRoute: flag,
  addresses: texts,
}
const systemChecks: Checks<System> = {
  distribution: text,
  isNixos: flag,
  kernel: text,
  virtualization: oneOf('vm', 'container', 'none'),
  nixVersion: text,
  nixSettings: settings,
  storeBytes: bytes,
  storePathCount: count,
  gcRootCount: count,
  generationCount: count,
}
const troubleChecks: Checks<Troubles> = {
  oomKills: count,
  memoryPressure: share,
  ioPressure: share,
  cpuPressure: share,
  diskUtilization: share,
  cpuUtilization: share,
}
const measuredChecks: Checks<Required<Measured>> = {
  diskReadBytesPerSecond: notNegative,
  diskWriteBytesPerSecond: notNegative,
  diskRandomReadsPerSecond: notNegative,
  xzDecodeBytesPerSecond: notNegative,
  zstdEncodeBytesPerSecond: notNegative,
  zstdDecodeBytesPerSecond: notNegative,
  sha256BytesPerSecond: notNegative,
  loopbackBytesPerSecond: notNegative,
  loopbackLatencyMs: notNegative,
  linkBytesPerSecond: notNegative,
  linkLatencyMs: notNegative,
  linkLoss: share,
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(value: unknown): string {
  const written = JSON.stringify(value)
  return written.length > 60 ? `${written.slice(0, 59)}…` : written
}
