import { expect } from 'vitest'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { printStorePath } from '../../src/nix/store-path.ts'
import type { SyntheticCache } from './synthetic-cache.ts'

/** Asks for a path's narinfo and NAR, and holds the NAR against the origin's bytes. */
export async function expectServed(
  url: string,
  cache: SyntheticCache,
  info: NarInfo,
): Promise<void> {
  const narinfo = await fetch(`${url}/${info.storePath.hash}.narinfo`)
  const text = await narinfo.text()
  expect(narinfo.status, text).toBe(200)
  expect(text).toContain(`StorePath: ${printStorePath(info.storePath, info.storeDir)}\n`)
  await expectNar(url, cache, info)
}

/** The NAR alone, under the name its narinfo gives it. */
export async function expectNar(url: string, cache: SyntheticCache, info: NarInfo): Promise<void> {
  const response = await fetch(`${url}/${info.url}`)
  expect(response.status, info.url).toBe(200)
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(bytes.equals(await cache.bytesOf(info)), `oracle A: the bytes of ${info.url}`).toBe(true)
}
