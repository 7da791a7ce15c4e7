import { expect } from 'vitest'
import { joinCrowd } from '../support/crowd.ts'
import { faultTest } from '../support/fault-stage.ts'
import { descriptorLimit } from '../support/limits.ts'

const descriptors = 128
const clients = 300

faultTest(
  `R1: ${clients} clients and ${descriptors} file descriptors: it sheds, and recovers`,
  { wrapper: descriptorLimit(descriptors), totalBytes: 8_000_000, timeout: 180_000 },
  async (stage) => {
    const { narwhal, info, bytes } = stage
    await stage.narinfo()
    const members = Array.from({ length: clients }, () =>
      joinCrowd(narwhal.port, `/${info.url}`, bytes),
    )
    const fates = await Promise.all(members.map(({ fate }) => fate))
    const served = fates.filter(({ isRight }) => isRight)
    const shed = fates.filter(({ status }) => status === 503 || status === 0)
    expect(served.length).toBeGreaterThan(0)
    // oracle A for the others: none ends cleanly with wrong bytes
    expect(served.length + shed.length).toBe(clients)
    // the last of them may be leaving just now
    await expect.poll(() => stage.nar()).toMatchObject({ status: 200, end: 'clean' })
  },
)
