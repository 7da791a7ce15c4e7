import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { formatDigest } from '../../src/nix/hash.ts'
import { type NarFile, parseNarFile } from '../../src/policy/nar-file.ts'
import { PendingNars } from '../../src/proxy/pending-nars.ts'
import { Disk } from '../../src/store/disk.ts'
import { createTelemetry, silentLog as log } from '../../src/telemetry.ts'
import { GiB, KiB, MiB } from '../../src/units.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { tempDir } from '../support/temp-dir.ts'

const maxBytes = 100 * MiB

async function openPending() {
  const telemetry = createTelemetry()
  const disk = await Disk.open({
    ...{ dataDir: await tempDir('disk'), storeDir: '/nix/store', log, telemetry },
    maxSize: { kind: 'bytes', bytes: maxBytes },
    minFree: { kind: 'bytes', bytes: 0 },
  })
  atTestEnd(() => disk.close())
  const pending = new PendingNars(disk, telemetry.uploads)
  atTestEnd(() => pending.close())

  /** As a request does it. @param says false: nobody says how long it is */
  async function push(bytes: number, says = true): Promise<NarFile> {
    const body = randomBytes(bytes)
    const digest = createHash('sha256').update(body).digest()
    const file = parseNarFile(`${formatDigest({ algorithm: 'sha256', digest }, 'nix32')}.nar`)
    if (file?.shape !== 'file') throw new Error('no name for a NAR')
    const incoming = await pending.expect(file, says ? bytes : undefined, GiB)
    try {
      await incoming.take(
        (async function* () {
          yield body
        })(),
      )
    } finally {
      incoming.cancel()
    }
    return file
  }

  /** True when so much more may be written. */
  async function hasRoom(bytes: number): Promise<boolean> {
    const reservation = await disk.reserve(bytes)
    reservation?.settle()
    return reservation !== undefined
  }

  return { pending, push, hasRoom }
}

test.each([true, false])(
  'a NAR that waits holds as much room as it has bytes; its length was said: %s',
  async (says) => {
    const { pending, push, hasRoom } = await openPending()
    expect(await hasRoom(maxBytes)).toBe(true)
    const { name } = await push(MiB, says)
    expect(await hasRoom(maxBytes - MiB)).toBe(true)
    expect(await hasRoom(maxBytes - MiB + 1)).toBe(false)
    await pending.drop(name)
    expect(await hasRoom(maxBytes)).toBe(true)
  },
)

test('those that wait take a quarter of cache.max_size at most, but always one', async () => {
  const { pending, push } = await openPending()
  const large = await push(30 * MiB)
  await expect(push(KiB)).rejects.toMatchObject({ code: 'NO_ROOM' })
  await pending.drop(large.name)
  await push(15 * MiB)
  await push(10 * MiB)
  await expect(push(KiB)).rejects.toMatchObject({ code: 'NO_ROOM' })
})

test('of two that are too large to wait together, one is taken', async () => {
  const { push } = await openPending()
  const outcomes = await Promise.allSettled([push(30 * MiB), push(30 * MiB)])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})
