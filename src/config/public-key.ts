import { isAppError } from '../errors.ts'
import { parsePublicKey } from '../nix/signature.ts'
import { type Kind, stringKind } from './kind.ts'

/**
 * A public key as Nix's trusted-public-keys has it, kept as text.
 *
 * A complaint names the key but never repeats it: it may be the secret half, pasted by mistake.
 */
export const publicKey: Kind<string> = stringKind(
  'a public key such as "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="',
  (text, complain) => {
    const trimmed = text.trim()
    try {
      parsePublicKey(trimmed)
      return trimmed
    } catch (error) {
      if (!isAppError(error, 'BAD_KEY')) throw error
      const name = /^([\w.-]{1,100}):/.exec(trimmed)?.[1]
      const which = name === undefined ? 'this' : `"${name}:…"`
      return complain({ message: `${which} is no public key: expected ${publicKey.expects}` })
    }
  },
)
