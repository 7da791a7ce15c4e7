/** What an option of NixOS can be set to, as data: print-value.ts writes it in the Nix language. */
export type NixValue =
  | string
  | number
  | boolean
  | null
  | readonly NixValue[]
  | { readonly [name: string]: NixValue }
  | NixCall
  | NixReference
  | NixLines

/** Wrappers of lib that take a value; those of `taking a condition` take that first. */
export type NixWrapper =
  | 'lib.mkDefault'
  | 'lib.mkForce'
  | 'lib.mkBefore'
  | 'lib.mkAfter'
  | 'lib.mkIf'
  | 'lib.mkMerge'

// Symbols as tags: no plain attribute set can be mistaken for one.
export const callTag = Symbol('call')
export const referenceTag = Symbol('reference')
export const linesTag = Symbol('lines')

/** A function of lib, applied. */
export interface NixCall {
  readonly [callTag]: NixWrapper
  readonly args: readonly NixValue[]
}

/** The name of something the module is given, such as `pkgs.stdenv.hostPlatform.system`. */
export interface NixReference {
  readonly [referenceTag]: readonly string[]
}

/** Text of several lines, written between two pairs of single quotes where that is exact. */
export interface NixLines {
  readonly [linesTag]: string
}

/** A value any other definition of the option beats. */
export function mkDefault(value: NixValue): NixCall {
  return { [callTag]: 'lib.mkDefault', args: [value] }
}

/** A value that beats the other definitions of the option. */
export function mkForce(value: NixValue): NixCall {
  return { [callTag]: 'lib.mkForce', args: [value] }
}

/** A list that goes before what others put into it. */
export function mkBefore(list: readonly NixValue[]): NixCall {
  return { [callTag]: 'lib.mkBefore', args: [list] }
}

/** A list that goes behind what others put into it. */
export function mkAfter(list: readonly NixValue[]): NixCall {
  return { [callTag]: 'lib.mkAfter', args: [list] }
}

/** A value that counts only while the condition holds. */
export function mkIf(condition: NixReference | boolean, value: NixValue): NixCall {
  return { [callTag]: 'lib.mkIf', args: [condition, value] }
}

/** Several definitions of one option. */
export function mkMerge(definitions: readonly NixValue[]): NixCall {
  return { [callTag]: 'lib.mkMerge', args: [definitions] }
}

/** @param path such as ['pkgs', 'stdenv', 'hostPlatform', 'system'] */
export function reference(...path: readonly string[]): NixReference {
  return { [referenceTag]: path }
}

/** @param text of several lines, such as a script */
export function lines(text: string): NixLines {
  return { [linesTag]: text }
}
