import { type Agent, get } from 'node:http'

export interface Download {
  /** From the request to the first byte of the body, or to the first that is not skipped. */
  readonly firstByteMs: number
  /** From the request to the last byte. */
  readonly wallMs: number
  readonly bytes: number
  /** The body, when it was asked for. */
  readonly text: string
}

export interface DownloadOptions {
  readonly agent: Agent
  readonly signal?: AbortSignal
  /** Ends it, as if it were complete, when so much has come, without what is skipped. */
  readonly maxBytes?: number
  /** So many bytes count as if they had not come. */
  readonly skipBytes?: number
  readonly wantsText?: boolean
}

/**
 * Reads a URL to its end and throws the bytes away.
 *
 * @throws Error unless the answer is 200 and as long as it says
 */
export function download(url: string, options: DownloadOptions): Promise<Download> {
  const {
    agent,
    signal,
    maxBytes = Number.POSITIVE_INFINITY,
    wantsText = false,
    skipBytes = 0,
  } = options
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    let firstByteMs: number | undefined
    let bytes = -skipBytes
    const texts: string[] = []
    const request = get(url, { agent, ...(signal && { signal }) }, (response) => {
      if (response.statusCode !== 200) {
        response.destroy()
        reject(new Error(`GET ${url} was answered ${response.statusCode}`))
        return
      }
      const finish = () => {
        const wallMs = performance.now() - startMs
        resolve({ firstByteMs: firstByteMs ?? wallMs, wallMs, bytes, text: texts.join('') })
      }
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > 0) firstByteMs ??= performance.now() - startMs
        if (wantsText) texts.push(chunk.toString('latin1'))
        if (bytes < maxBytes) return
        finish()
        response.destroy()
      })
      response.once('end', finish)
      response.once('error', reject)
    })
    request.once('error', reject)
  })
}
