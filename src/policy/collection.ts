export interface CollectionLimits {
  /** Bytes of all NARs, this one included. */
  readonly bytes: number
  readonly maxBytes: number
  /** What was read before goes whatever room there is, in milliseconds since 1970. */
  readonly readBefore: number
}

/** Says whether the NAR read longest ago has to go. When it may stay, so may all others. */
export function mustGo(oldest: { readonly readAt: number }, limits: CollectionLimits): boolean {
  return limits.bytes > limits.maxBytes || oldest.readAt < limits.readBefore
}
