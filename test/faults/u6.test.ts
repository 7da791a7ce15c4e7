import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect } from 'vitest'
import { type NarInfo, printNarInfo } from '../../src/nix/narinfo.ts'
import type { Fault } from '../support/fake-upstream.ts'
import { type FaultStage, faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const isNarinfo = /\.narinfo$/
const tooLarge = 10_000_000

const { edit, body, header } = faults
const flaws: Readonly<Record<string, (stage: FaultStage) => Fault | readonly Fault[]>> = {
  'no Sig': () => edit((text) => text.replace(/^Sig: .*\n/m, '')),
  'a wrong Sig': () => edit((text) => text.replace(/^(Sig: [^:]+:).{20}/m, `$1${'A'.repeat(20)}`)),
  'a malformed Sig': () => edit((text) => text.replace(/^Sig: .*$/m, 'Sig: nonsense')),
  'the Sig of an unknown key': () => edit((text) => text.replace(/^Sig: [^:]+/m, 'Sig: other-1')),
  'another StorePath': ({ cache }) => body(printNarInfo(cache.infos[1] as NarInfo)),
  'another NarSize than was signed': () =>
    edit((text) => text.replace(/^NarSize: /m, 'NarSize: 1')),
  'two StorePaths': () => edit((text) => text.replace(/^(StorePath: .*\n)/m, '$1$1')),
  'two NarHashes': () => edit((text) => text.replace(/^(NarHash: .*\n)/m, '$1$1')),
  'its last line cut': () => edit((text) => text.slice(0, -9)),
  'a NUL': () => edit((text) => text.replace('StorePath: ', 'StorePath: \0')),
  'binary in it': () => body(Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a])),
  'nothing in it': () => body(''),
  '10 MB': () => edit((text) => `${text}X: ${'a'.repeat(tooLarge)}\n`),
  '10 MB without a Content-Length': () => [
    edit((text) => `${text}X: ${'a'.repeat(tooLarge)}\n`),
    faults.chunked(),
  ],
  'a gzip bomb': () => [
    body(gzipSync(Buffer.alloc(100_000_000, 'a'))),
    header('Content-Encoding', 'gzip'),
  ],
  'a gzip that is none': () => [header('Content-Encoding', 'gzip')],
  'an unknown Content-Encoding': () => header('Content-Encoding', 'lzma'),
}

describe('U6: a narinfo with', () => {
  for (const [name, flaw] of Object.entries(flaws)) {
    faultTest(
      `${name}: the next upstream's is taken; alone it is refused and nothing of it is kept`,
      { upstreams: 2, paths: 3 },
      async (stage) => {
        const { upstream, other, narwhal, cache } = stage
        upstream.script(isNarinfo, flaw(stage))
        expect(await stage.narinfo()).toMatchObject({ status: 200 })
        const first = cache.infos[0] as NarInfo
        other.script(isNarinfo, faults.status(404))
        expect([404, 503]).toContain((await stage.narinfo(first)).status)
        expect(await readdir(join(narwhal.dataDir, 'cache'))).toEqual(['nar', 'nix-cache-info'])
        other.script(isNarinfo, (answer) => answer)
        expect((await stage.narinfo(first)).status, 'no failure was cached as an absence').toBe(200)
      },
    )
  }
})

describe('U6: a narinfo whose Content-Encoding was not asked for is decoded', () => {
  const encoders = {
    gzip: gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
  }
  for (const [name, encode] of Object.entries(encoders)) {
    faultTest(name, {}, async (stage) => {
      const text = Buffer.from(printNarInfo(stage.info))
      stage.upstream.script(isNarinfo, [body(encode(text)), header('Content-Encoding', name)])
      expect(await stage.narinfo()).toMatchObject({ status: 200, end: 'clean' })
    })
  }
})
