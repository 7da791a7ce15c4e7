import type { DownloadProgress } from '../../proxy/nars.ts'
import type { VerifyStep } from '../../proxy/verify-cache.ts'
import { formatSize } from '../../units.ts'

const everyMs = 200

/** One line on a terminal that says how far a run is, and what it fetches. */
export class Progress {
  readonly #isWanted = process.stderr.isTTY === true
  #shownAt = Number.NEGATIVE_INFINITY
  #line = ''

  show({ done, total }: VerifyStep, bytes: number): void {
    const percent = Math.floor((100 * done) / total)
    this.#line = `${percent} %  ${done} of ${total} files, ${formatSize(bytes)}`
    const now = performance.now()
    if (now - this.#shownAt < everyMs) return
    this.#shownAt = now
    this.#write(this.#line)
  }

  /** Says what is fetched for as long as `work` takes. */
  async during<T>(work: Promise<T>, fetching: () => readonly DownloadProgress[]): Promise<T> {
    const timer = setInterval(() => {
      const downloads = fetching().map(described).join(', ')
      if (downloads === '') return
      const soFar = this.#line === '' ? '' : `${this.#line}; `
      this.#write(`${soFar}fetching ${downloads}`)
    }, everyMs)
    try {
      return await work
    } finally {
      clearInterval(timer)
    }
  }

  clear(): void {
    this.#write('')
  }

  #write(line: string): void {
    if (this.#isWanted) process.stderr.write(`\r\u001b[K${line}`)
  }
}

function described({ file, receivedBytes, bytes }: DownloadProgress): string {
  const whole = bytes === undefined ? '' : ` of ${formatSize(bytes)}`
  return `${file.slice(0, 12)}…, ${formatSize(receivedBytes)}${whole}`
}
