import type { Answer } from '../support/answer.ts'
import type { FakeUpstream, UpstreamRequest } from '../support/fake-upstream.ts'
import { drip, flipBit, status } from '../support/faults.ts'

const pieceBytes = 16 * 1024

/** An upstream whose flaws are set and taken back one by one, and act together. */
export interface FlawedUpstream {
  readonly upstream: FakeUpstream
  /** pauses before a head, and between the pieces of a NAR */
  slow(headMs: number, pieceMs: number): void
  /** sends this path of its own, "/nar/…", with a bit flipped at this offset */
  lieAbout(path: string, offset: number): void
  /** has these paths no more */
  lose(...paths: string[]): void
  /** all of the above taken back */
  mend(): void
  /** mends it, and leaves it as it was found */
  release(): Promise<void>
}

export function flawedUpstream(upstream: FakeUpstream): FlawedUpstream {
  let pieceMs = 0
  const lies = new Map<string, number>()
  const lost = new Set<string>()
  const script = upstream.script(() => true, spoil)
  const flawed: FlawedUpstream = {
    upstream,
    slow(headMs, betweenPiecesMs) {
      upstream.delayMs = headMs
      pieceMs = betweenPiecesMs
    },
    lieAbout: (path, offset) => void lies.set(path, offset),
    lose(...paths) {
      for (const path of paths) lost.add(path)
    },
    mend() {
      flawed.slow(0, 0)
      lies.clear()
      lost.clear()
    },
    async release() {
      flawed.mend()
      script.stop()
      await upstream.up()
    },
  }
  return flawed

  async function spoil(honest: Answer, request: UpstreamRequest): Promise<Answer> {
    if (lost.has(request.path)) return status(404)(honest, request)
    let answer = honest
    const offset = lies.get(request.path)
    if (offset !== undefined) answer = await flipBit(offset)(answer, request)
    const isNar = request.path.startsWith('/nar/')
    return isNar && pieceMs > 0 ? drip(pieceBytes, pieceMs)(answer, request) : answer
  }
}
