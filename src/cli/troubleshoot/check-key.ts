import { options } from '../../config/options.ts'
import { isAppError } from '../../errors.ts'
import { fingerprint } from '../../nix/fingerprint.ts'
import type { NarInfo } from '../../nix/narinfo.ts'
import { keyRing, parsePublicKey, verifyText } from '../../nix/signature.ts'
import { isContentAddressed, signedBy } from '../../nix/trust.ts'
import { type Check, fault, ok, unchecked, warning } from './check.ts'
import { nameOf } from './check-paths.ts'
import type { Looker } from './http-look.ts'
import { listOf, type OwnNix } from './own-nix.ts'

const pageTimeoutMs = 2000

/** Whether this machine's Nix believes who has signed what the cache has; if not, which key it lacks. */
export async function checkKey(
  url: URL,
  infos: readonly NarInfo[],
  { nix, looker }: { nix: OwnNix | undefined; looker: Looker },
): Promise<Check> {
  if (nix === undefined) return unchecked('key', 'There is no Nix here whose keys could be tried.')
  if (infos.length === 0) return unchecked('key', 'There is no narinfo whose signature to try.')
  if (nix.settings['require-sigs'] === 'false')
    return warning('key', 'require-sigs = false: this Nix believes everything.', {
      todo: 'Take that line out of nix.conf: whoever answers in the place of the cache could replace any program.',
      symptom: 'key-missing',
    })
  const keys = usableKeys(listOf(nix.settings, 'trusted-public-keys'))
  const ring = keyRing(keys)
  const bad = infos.find((info) => signedBy(info, ring) === undefined && !isContentAddressed(info))
  if (bad === undefined) {
    const names = new Set(infos.map((info) => signedBy(info, ring) ?? 'their content'))
    return ok(
      'key',
      `Believed by ${[...names].join(', ')}: ${infos.length} of ${infos.length} narinfos.`,
    )
  }
  const what = nameOf(bad.storePath)
  const signers = [...new Set(bad.signatures.map(({ keyName }) => keyName))]
  if (signers.length === 0)
    return fault('key', `${what} carries no signature, so Nix refuses it.`, {
      todo: 'Who built it has to sign it: narwhal keygen makes a key, nix store sign uses it.',
      symptom: 'key-missing',
    })
  const announced = [
    ...(options.trustedPublicKeys.default as readonly string[]),
    ...(await keysToldBy(url, looker)),
  ]
  const right = announced.find((key) => hasSigned(key, bad))
  const has = signers.filter((name) => ring.has(name))
  const seen =
    has.length > 0
      ? `${what} is signed by ${has.join(', ')}, but not with the key of that name that this machine has.`
      : `${what} is signed by ${signers.join(', ')}, which trusted-public-keys does not have.`
  return fault('key', seen, {
    todo:
      right === undefined
        ? `Ask who runs the cache for its public key, and add it to nix.conf:`
        : 'Add this line to nix.conf, once the owner of the key has confirmed it, and restart the Nix daemon:',
    lines: [`extra-trusted-public-keys = ${right ?? `${signers[0]}:<base64>`}`],
    symptom: 'key-missing',
  })
}

/** A key that Nix itself would not take either is left out. */
function usableKeys(texts: readonly string[]): string[] {
  return texts.filter((text) => {
    try {
      return parsePublicKey(text)
    } catch (error) {
      if (isAppError(error, 'BAD_KEY')) return false
      throw error
    }
  })
}

/** What a narwhal tells whoever opens its address: a hint where to get the key, no reason to trust it. */
async function keysToldBy(url: URL, looker: Looker): Promise<string[]> {
  try {
    const { text } = await looker.text(new URL('/', url), pageTimeoutMs)
    const line = /^\s*extra-trusted-public-keys = (.+)$/m.exec(text)?.[1] ?? ''
    return usableKeys(line.split(/\s+/).filter(Boolean))
  } catch {
    return []
  }
}

function hasSigned(text: string, info: NarInfo): boolean {
  const key = parsePublicKey(text)
  const signed = fingerprint(info)
  return info.signatures.some(
    (signature) => signature.keyName === key.name && verifyText(signed, signature, key),
  )
}
