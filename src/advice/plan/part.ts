/** What can be bought, as the price table lists it. */
export type Part = MemoryPart | DiskPart | LinkPart | MachinePart | HostedPart

interface Priced {
  readonly name: string
  /** products that are of this kind, for looking the price up */
  readonly models: readonly string[]
  /** in hundredths of the table's currency, so that sums are exact */
  readonly priceCents: number
  readonly isUsed: boolean
}

export const memoryForms = [
  'ddr3-dimm',
  'ddr3-sodimm',
  'ddr4-dimm',
  'ddr4-sodimm',
  'ddr5-dimm',
  'ddr5-sodimm',
] as const
export type MemoryForm = (typeof memoryForms)[number]

/** Modules that together make up the machine's memory: the old ones are taken out. */
export interface MemoryPart extends Priced {
  readonly kind: 'memory'
  readonly form: MemoryForm
  readonly totalBytes: number
}

export interface DiskPart extends Priced {
  readonly kind: 'sata-ssd' | 'usb-ssd' | 'nvme'
  readonly totalBytes: number
}

export interface LinkPart extends Priced {
  readonly kind: 'cable' | 'usb-ethernet'
}

/** A whole machine in place of this one, or beside it as a builder. */
export interface MachinePart extends Priced {
  readonly kind: 'machine'
  readonly memoryBytes: number
  readonly threads: number
  readonly diskBytes: number
}

/** A machine somebody else runs; its price is for a month. */
export interface HostedPart extends Priced {
  readonly kind: 'hosted'
  readonly memoryBytes: number
  readonly threads: number
  readonly diskBytes: number
}

export const partKinds = [
  'memory',
  'sata-ssd',
  'usb-ssd',
  'nvme',
  'cable',
  'usb-ethernet',
  'machine',
  'hosted',
] as const satisfies readonly Part['kind'][]
