/** What starts by itself to keep a machine in order. Undefined: it cannot be told. */
export interface Upkeep {
  readonly collectsGarbage: boolean | undefined
  readonly trims: boolean | undefined
  /** programs that watch the machine, by the names of their units */
  readonly monitors: readonly string[] | undefined
  /** whether narwhal is started again when it ends; undefined where it is no service */
  readonly restartsNarwhal: boolean | undefined
}
