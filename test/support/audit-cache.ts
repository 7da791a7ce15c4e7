import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { freshNixClient } from './nix-client.ts'
import { fieldOf } from './opaque-cache.ts'

/**
 * Looks for lies in a directory that is a binary cache: a narinfo without its NAR, a NAR without
 * its narinfo, a wrong size, and, by the real Nix, wrong contents or signatures.
 *
 * @param publicKey "name:base64", the key all of it must be signed with
 * @returns one sentence each; empty when all is well
 */
export async function auditCache(dir: string, publicKey: string): Promise<string[]> {
  const flaws: string[] = []
  const nars = new Set(await readdir(join(dir, 'nar')).catch(() => []))
  const named = new Set<string>()
  for (const name of await readdir(dir)) {
    if (!name.endsWith('.narinfo')) continue
    const text = await readFile(join(dir, name), 'utf8')
    const url = fieldOf(text, 'URL')
    named.add(url.replace('nar/', ''))
    const size = await stat(join(dir, url)).then(
      (facts) => facts.size,
      () => undefined,
    )
    if (size === undefined) flaws.push(`${name} stands without ${url}`)
    else if (size !== Number(fieldOf(text, 'FileSize'))) flaws.push(`${url} has ${size} bytes`)
  }
  for (const nar of nars) if (!named.has(nar)) flaws.push(`nar/${nar} has no narinfo`)
  if (named.size > 0) {
    const nix = await freshNixClient({ trustedKeys: [publicKey] })
    const { code, stderr } = await nix.verifyCache(`file://${dir}`)
    const complaints = stderr.split('\n').filter((line) => !/^(checking .*|)$/.test(line))
    if (code !== 0) flaws.push(...complaints)
  }
  return flaws
}
