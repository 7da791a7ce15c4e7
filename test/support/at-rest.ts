import { expect } from 'vitest'
import { requestRaw } from './raw-http.ts'

/**
 * Waits until a narwhal fetches nothing more and has kept what it has fetched: the client has the last
 * byte of a NAR a moment before that stands in the cache.
 */
export async function atRest({ url }: { readonly url: string }): Promise<void> {
  const downloads = async () => {
    const { body } = await requestRaw(`${url}/api/v1/status`)
    return (JSON.parse(body.toString()) as { downloads: readonly unknown[] }).downloads
  }
  await expect.poll(downloads).toEqual([])
}
