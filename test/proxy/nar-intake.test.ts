import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type NarChecker, startNarChecker } from '../../src/codec/nar-check.ts'
import { formatDigest, type Hash } from '../../src/nix/hash.ts'
import { parseNarFile } from '../../src/policy/nar-file.ts'
import { NarIntake } from '../../src/proxy/nar-intake.ts'
import type { NarPlan } from '../../src/proxy/nar-plan.ts'
import { Quarantine } from '../../src/proxy/quarantine.ts'
import { Download } from '../../src/store/download.ts'
import { DownloadRoom } from '../../src/store/download-room.ts'
import { crashingWorker } from '../codec/nar-claim.ts'
import { binaryLike } from '../codec/packed.ts'
import { tempDir } from '../support/temp-dir.ts'

const nar = binaryLike(400_000)
const narHash: Hash = { algorithm: 'sha256', digest: createHash('sha256').update(nar).digest() }

async function stage({ knowsFileHash, script, name = 'nar.part' }: Stage) {
  const checker: NarChecker = startNarChecker({ workers: 1, ...(script && { script }) })
  onTestFinished(() => checker.close())
  const file = parseNarFile(`${formatDigest(narHash, 'nix32')}.nar`)
  if (!file) throw new Error('no name')
  const plan: NarPlan = {
    file,
    compression: 'none',
    fileHash: knowsFileHash ? narHash : undefined,
    // not as long as the NAR, as far as is known: else its own hash would do
    size: undefined,
    nar: { hash: narHash, size: nar.length },
    storeHash: undefined,
    record: undefined,
    original: undefined,
  }
  const download = await Download.create(join(await tempDir('intake'), name), undefined)
  const run = { isAhead: false }
  const quarantine = new Quarantine(() => performance.now())
  const isAlone = () => true
  const intake = new NarIntake(plan, download, { checker, quarantine, run, isAlone })
  return { intake, download, run }
}

interface Stage {
  readonly knowsFileHash: boolean
  readonly script?: URL
  readonly name?: string
}

test('a thread that dies says nothing against a file whose own hash is right', async () => {
  // a name of which that program dies
  const { intake } = await stage({ knowsFileHash: true, script: crashingWorker, name: 'throws' })
  await intake.take(nar, 'upstream')
  expect(await intake.requireRight('upstream')).toMatchObject({ isNarHashRight: false })
})

test('without a hash of the file, no verdict is a fault', async () => {
  const { intake } = await stage({ knowsFileHash: false, script: crashingWorker, name: 'throws' })
  await intake.take(nar, 'upstream')
  await expect(intake.requireRight('upstream')).rejects.toMatchObject({ code: 'CHECK_FAILED' })
})

test('a disk that is full just when a client comes for what was fetched ahead makes no NAR wrong', async () => {
  const { intake, download, run } = await stage({ knowsFileHash: false })
  download.keepWithin(
    new DownloadRoom(
      async () => ({ growTo: async () => false, written: () => {}, settle: () => {} }),
      100_000,
    ),
  )
  const reader = download.open()
  run.isAhead = true
  await intake.take(nar.subarray(0, 100_000), 'upstream')
  run.isAhead = false
  for (let at = 100_000; at < nar.length; at += 50_000)
    await intake.take(nar.subarray(at, at + 50_000), 'upstream')
  expect(download.isOnDisk).toBe(false)
  expect(await intake.requireRight('upstream')).toMatchObject({ isNarHashRight: true })
  reader.close()
})
