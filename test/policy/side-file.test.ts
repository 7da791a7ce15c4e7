import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSideFile } from '../../src/policy/side-file.ts'

test('whatever is asked, a name that comes of it has no way up in it', () => {
  const hash = 'a'.repeat(32)
  const piece = fc.constantFrom(
    ...['..', '.', '/', '%2e', '\\', '\0', '?', '!', ':', '-', 'x', '.ls', '.doi', '.debug'],
    ...['log', 'realisations', 'build-trace-v2', 'debuginfo', 'nar', hash, `${hash}-x`],
    ...[`sha256:${'a'.repeat(64)}`, 'a'.repeat(40)],
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const name = parseSideFile(`/${pieces.join('')}`)?.name
      if (name === undefined) return
      expect(name).toMatch(/^[\w.+=:!/-]+$/)
      for (const part of name.split('/')) expect(['', '.', '..']).not.toContain(part)
      expect(name).toMatch(/^([0-9a-z]{32}\.ls|(log|realisations|build-trace-v2|debuginfo)\/.+)$/)
    }),
    { numRuns: 5000 },
  )
})
