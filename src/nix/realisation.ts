import { AppError, isAppError } from '../errors.ts'
import type { Hash } from './hash.ts'
import { formatHash, parseHash } from './hash.ts'
import type { KeyRing, Signature } from './signature.ts'
import { formatSignature, parseSignature, verifyText } from './signature.ts'
import type { StorePath } from './store-path.ts'
import { baseName, isStoreName, parseBaseName } from './store-path.ts'

/** One output of one derivation, "sha256:<64 hex>!<output>". */
export interface RealisationId {
  /** The hash modulo of the derivation. */
  readonly drvHash: Hash
  readonly outputName: string
}

/** Which store path a content-addressed derivation's output turned out to be. */
export interface Realisation {
  readonly id: RealisationId
  readonly outPath: StorePath
  readonly signatures: readonly Signature[]
  /** What it was built from, by printed id. */
  readonly dependentRealisations: ReadonlyMap<string, StorePath>
}

/**
 * Reads "sha256:<64 hex>!<output>".
 *
 * @throws AppError BAD_REALISATION
 * @see DrvOutput::parse in libstore/realisation.cc
 */
export function parseRealisationId(text: string): RealisationId {
  const match = /^(sha256:[0-9a-f]{64})!([^!]+)$/.exec(text)
  const [, drvHash = '', outputName = ''] = match ?? []
  if (!isStoreName(outputName)) throw bad(`${JSON.stringify(text)} is no id`)
  return { drvHash: parseHash(drvHash), outputName }
}

export function printRealisationId(id: RealisationId): string {
  return `${formatHash(id.drvHash, 'hex')}!${id.outputName}`
}

/**
 * Reads a `.doi` file of /realisations. Malformed signatures are passed over.
 *
 * @throws AppError BAD_REALISATION
 */
export function parseRealisation(text: string): Realisation {
  try {
    const json = requireObject(JSON.parse(text))
    const dependents = requireObject(json.get('dependentRealisations') ?? {})
    const signatures = json.get('signatures') ?? []
    if (!Array.isArray(signatures)) throw bad('its signatures are no list')
    return {
      id: parseRealisationId(requireText(json.get('id'))),
      outPath: parseBaseName(requireText(json.get('outPath'))),
      signatures: signatures.flatMap(readSignature),
      dependentRealisations: new Map(
        [...dependents].map(([id, path]) => [
          printRealisationId(parseRealisationId(id)),
          parseBaseName(requireText(path)),
        ]),
      ),
    }
  } catch (error) {
    if (isAppError(error, 'BAD_STORE_PATH')) throw bad(error.message, error)
    if (error instanceof SyntaxError) throw bad('it is not JSON', error)
    throw error
  }
}

/** Writes a `.doi` file as Nix does: keys sorted, no white space. */
export function printRealisation(realisation: Realisation): string {
  const signatures = realisation.signatures.map(formatSignature).sort()
  return JSON.stringify({ ...signedPart(realisation), signatures })
}

/** The text its signatures sign: the file without them (Realisation::fingerprint). */
export function realisationFingerprint(realisation: Realisation): string {
  return JSON.stringify(signedPart(realisation))
}

/**
 * Finds a signature made by a key of the ring.
 *
 * @returns the key's name; undefined when there is no such signature
 */
export function realisationSignedBy(realisation: Realisation, keys: KeyRing): string | undefined {
  const text = realisationFingerprint(realisation)
  return realisation.signatures.find((signature) => {
    const key = keys.get(signature.keyName)
    return key !== undefined && verifyText(text, signature, key)
  })?.keyName
}

/** In the order of nlohmann::json, which is alphabetical; every key here is plain ASCII. */
function signedPart({ id, outPath, dependentRealisations }: Realisation): object {
  const dependents = [...dependentRealisations].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    dependentRealisations: Object.fromEntries(
      dependents.map(([dependent, path]) => [dependent, baseName(path)]),
    ),
    id: printRealisationId(id),
    outPath: baseName(outPath),
  }
}

function requireObject(json: unknown): ReadonlyMap<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw bad('something is no JSON object')
  return new Map(Object.entries(json))
}

function requireText(json: unknown): string {
  if (typeof json !== 'string') throw bad('something is no text')
  return json
}

function readSignature(json: unknown): Signature[] {
  try {
    return [parseSignature(requireText(json))]
  } catch (error) {
    if (isAppError(error, 'BAD_SIGNATURE', 'BAD_REALISATION')) return []
    throw error
  }
}

function bad(reason: string, cause?: unknown): AppError {
  return new AppError('BAD_REALISATION', `the realisation is corrupt: ${reason}`, { cause })
}
