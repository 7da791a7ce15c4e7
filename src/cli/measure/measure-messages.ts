import type { MeasuredKey, MeasuredReading } from '../../advice/measured-figures.ts'
import type { StoreHash } from '../../nix/store-path.ts'

/** What the process that measures is told, once. */
export interface MeasureOrder {
  readonly directory: string
  /** A binary cache, to measure the way to it. */
  readonly against: string | undefined
  readonly paths: readonly StoreHash[]
  readonly rounds: number
  /** For each measurement. */
  readonly budgetMs: number
  /** Of the file that the disk is measured with. */
  readonly fileBytes: number
}

/** What it answers. */
export type MeasureReport =
  | { readonly kind: 'doing'; readonly what: string }
  | { readonly kind: 'reading'; readonly key: MeasuredKey; readonly reading: MeasuredReading }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'done' }
