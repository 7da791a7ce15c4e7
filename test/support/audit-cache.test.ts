import { appendFile, cp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { auditCache } from './audit-cache.ts'
import { testWith } from './programs.ts'
import { realClosure } from './real-closure.ts'
import { tempDir } from './temp-dir.ts'

// the first test of a machine builds the closure
vi.setConfig({ testTimeout: 300_000 })

testWith(['nix', 'nix-store'])(
  'finds every kind of lie in a binary cache, and no other',
  async () => {
    const { cache, publicKey } = await realClosure()
    const dir = join(await tempDir('cache'), 'copy')
    await cp(cache('xz'), dir, { recursive: true })
    expect(await auditCache(dir, publicKey)).toEqual([])

    const [longer = '', gone = ''] = await readdir(join(dir, 'nar'))
    await appendFile(join(dir, 'nar', longer), 'x')
    await rm(join(dir, 'nar', gone))
    await writeFile(join(dir, 'nar', 'stranger'), 'x')
    const flaws = (await auditCache(dir, publicKey)).join('\n')
    expect(flaws).toContain(`nar/${longer} has`)
    expect(flaws).toContain(`stands without nar/${gone}`)
    expect(flaws).toContain('nar/stranger has no narinfo')

    expect((await auditCache(cache('foreign'), publicKey)).join('\n')).toContain('is untrusted')
  },
)
