import { expect, test } from 'vitest'
import { MiB } from '../../src/units.ts'
import { controlGroup } from '../support/control-group.ts'
import { faultStage } from '../support/fault-stage.ts'
import { requestRaw } from '../support/raw-http.ts'

const atOnce = 16

test('on one core with 512 MB, auto says why it does not recompress, and hot narinfos stay quick', async ({
  skip,
}) => {
  const group = await controlGroup({ memoryBytes: 512 * MiB, cores: 1 })
  if (!group) return skip('needs control groups that may be written')
  const stage = await faultStage({
    ...{ wrapper: group.wrapper, paths: 40, totalBytes: 60_000_000, compression: 'none' },
    env: { NARWHAL_RECOMPRESS_ENABLED: 'auto' },
  })
  const { cache, narwhal } = stage
  await narwhal.logged(/recompression is off: 1 core, 512 MiB/)
  const { recompress } = JSON.parse(
    (await requestRaw(`${narwhal.url}/api/v1/status`)).body.toString(),
  )
  expect(recompress).toMatchObject({ isOn: false })
  expect(recompress.reason).toMatch(/: 1 core, 512 MiB: .+; set recompress\.enabled = true/)

  await stage.expectQuickHits(
    async () => {
      const left = [...cache.infos]
      const client = async () => {
        for (let info = left.pop(); info; info = left.pop()) {
          expect((await stage.narinfo(info)).status).toBe(200)
          expect((await stage.get(`/${info.url}`)).status).toBe(200)
        }
      }
      await Promise.all(Array.from({ length: atOnce }, client))
    },
    { atOnce },
  )
  await stage.expectOracles()
})
