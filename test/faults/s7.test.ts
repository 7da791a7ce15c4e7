import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { formatDigest } from '../../src/nix/hash.ts'
import type { NarInfo } from '../../src/nix/narinfo.ts'
import { printNarInfo } from '../../src/nix/narinfo.ts'
import { MiB } from '../../src/units.ts'
import { baselineOf, expectCalm, expectSoundDataDir, expectTruth } from '../support/oracles.ts'
import { parseScrape } from '../support/prometheus.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { basic, newToken, type UploadStage, uploadStage } from '../support/upload-stage.ts'

/** Nothing of what was pushed is served or kept, and nothing is held. */
async function expectNothingKept(stage: UploadStage): Promise<void> {
  for (const { storePath, url } of stage.cache.infos) {
    expect((await stage.get(`/${storePath.hash}.narinfo`)).status).toBe(404)
    expect((await stage.get(`/${url}`)).status).toBe(404)
  }
  expect(await readdir(join(stage.narwhal.dataDir, 'origin'))).toEqual([])
}

/** Oracles C and B, and the end of the server. */
async function expectOracles(stage: UploadStage, before: Awaited<ReturnType<typeof baselineOf>>) {
  await expectCalm(stage.narwhal, before, [stage.upstream])
  await stage.narwhal.stop()
  await expectSoundDataDir(stage.narwhal.dataDir)
}

const announced = 500 * MiB

/** All the server says until it hangs up, also that it wants to hear more. */
async function textOf(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  return text(socket)
}

test('S7 without a token, or with a wrong one, the answer comes before the body is asked for', async () => {
  const stage = await uploadStage()
  const before = await baselineOf(stage.narwhal)
  for (const authorization of [
    '',
    basic(newToken()),
    'Authorization: Bearer x',
    'Authorization: junk',
  ])
    for (const path of [
      `/${stage.info.url}`,
      `/${stage.info.storePath.hash}.narinfo`,
      '/nothing',
    ]) {
      const head = [
        `PUT ${path} HTTP/1.1`,
        'Host: x',
        'Expect: 100-continue',
        `Content-Length: ${announced}`,
        ...(authorization === '' ? [] : [authorization]),
      ]
      const answer = await textOf(stage.narwhal.port, `${head.join('\r\n')}\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 401 /)
      expect(answer).not.toContain('100 Continue')
      expect(answer).toContain('WWW-Authenticate: Basic')
      expect(answer).toContain('(UPLOAD_DENIED)')
    }
  expect((await stage.delete(`/${stage.info.storePath.hash}.narinfo`, '')).status).toBe(401)
  await expectNothingKept(stage)
  await expectOracles(stage, before)
})

test('S7 one who sends without waiting to be asked sees why, and is hung up on', async () => {
  const stage = await uploadStage()
  const before = await baselineOf(stage.narwhal)
  const response = await stage.put(`/${stage.info.url}`, Buffer.alloc(4 * MiB), {
    token: newToken(),
    announced,
  })
  expect(response.status).toBe(401)
  expect(response.header('connection')).toBe('close')
  await expectNothingKept(stage)
  await expectOracles(stage, before)
})

test('S7 larger than limits.max_upload: refused before the body, or cut off in it', async () => {
  const stage = await uploadStage({ env: { NARWHAL_LIMITS_MAX_UPLOAD: '100KiB' } })
  const before = await baselineOf(stage.narwhal)
  const path = `/${stage.info.url}`
  const head = `PUT ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n${basic(stage.token)}\r\n`
  const early = await exchangeRaw(stage.narwhal.port, `${head}Content-Length: ${announced}\r\n\r\n`)
  expect(early.responses.map(({ status }) => status)).toEqual([413])
  const chunks = `${'10000\r\n'}${'x'.repeat(65536)}\r\n`.repeat(8)
  const late = await exchangeRaw(
    stage.narwhal.port,
    `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}`,
  )
  expect(late.responses.map(({ status }) => status)).toEqual([413])
  expect(late.responses[0]?.body.toString()).toContain('limits.max_upload')
  const narinfo = `/${stage.info.storePath.hash}.narinfo`
  expect((await stage.put(narinfo, 'x'.repeat(2 * MiB))).status).toBe(413)
  await expectNothingKept(stage)
  await expectOracles(stage, before)
})

test('S7 a NAR that is not what its name says is refused', async () => {
  const stage = await uploadStage()
  const before = await baselineOf(stage.narwhal)
  const { info, bytes } = stage
  const flipped = Buffer.from(bytes)
  flipped[1000] = (flipped[1000] as number) ^ 1
  for (const body of [
    flipped,
    bytes.subarray(0, -1),
    Buffer.concat([bytes, bytes]),
    Buffer.alloc(0),
  ])
    expect((await stage.put(`/${info.url}`, body)).status).toBe(400)
  expect((await stage.pushNarinfo()).status).toBe(400)
  await expectNothingKept(stage)
  await expectOracles(stage, before)
})

test('S7 a narinfo before its NAR is refused, and taken after it', async () => {
  const stage = await uploadStage()
  const before = await baselineOf(stage.narwhal)
  const early = await stage.pushNarinfo()
  expect(early.status).toBe(400)
  expect(early.body.toString()).toContain('push it before its narinfo')
  await expectNothingKept(stage)
  expect(await stage.push()).toEqual([201, 201])
  expectTruth(await stage.get(`/${stage.info.url}`), stage.bytes)
  await expectOracles(stage, before)
})

test('S7 a narinfo that lies is refused, whatever it lies about', async () => {
  const stage = await uploadStage({ signs: true })
  const before = await baselineOf(stage.narwhal)
  const { cache, info } = stage
  const [other] = cache.infos as [NarInfo]
  await stage.pushNar(other)
  const ending = info.url.slice(info.url.indexOf('.nar'))
  const wrongUrl = `nar/${formatDigest(info.narHash, 'nix32')}${ending}`
  const lies: readonly Partial<NarInfo>[] = [
    { storePath: other.storePath },
    { storeDir: '/other/store' },
    { narHash: other.narHash },
    { narSize: info.narSize + 1 },
    { narSize: info.narSize - 1, signatures: [] },
    { narHash: other.narHash, signatures: [] },
    { fileHash: other.fileHash },
    { fileSize: (info.fileSize ?? 0) + 1 },
    { compression: 'none' },
    { compression: 'xz' },
    { url: other.url, fileHash: undefined, fileSize: undefined },
    { url: wrongUrl, fileHash: undefined },
    { url: `http://other.example/${info.url}` },
    { url: `../${info.url}` },
    { url: 'nar/../../index.sqlite' },
    { references: [other.storePath, info.storePath] },
    { signatures: other.signatures },
  ]
  for (const lie of lies) {
    await stage.pushNar()
    const { status, body } = await stage.pushNarinfo(info, lie)
    expect(status, `${JSON.stringify(lie).slice(0, 200)}: ${body}`).toBe(400)
  }
  const junk = [
    '',
    'junk',
    `${printNarInfo(info)}StorePath: x\n`,
    printNarInfo(info).replace('\n', '\r\n'),
  ]
  for (const junkText of junk)
    expect((await stage.put(`/${info.storePath.hash}.narinfo`, junkText)).status).toBe(400)
  await expectNothingKept(stage)
  expect(await stage.push()).toEqual([201, 201])
  await expectOracles(stage, before)
})

test('S7 of many who push the same path at once all succeed, and it is there once', async () => {
  const stage = await uploadStage({ pushed: { totalBytes: 3_000_000 } })
  const before = await baselineOf(stage.narwhal)
  const pushes = await Promise.all(Array.from({ length: 12 }, () => stage.push()))
  for (const [nar, narinfo] of pushes) {
    expect(nar).toBe(201)
    expect([200, 201]).toContain(narinfo)
  }
  expectTruth(await stage.get(`/${stage.info.url}`), stage.bytes)
  expect(await readdir(join(stage.narwhal.dataDir, 'cache', 'nar'))).toHaveLength(1)
  expect(await stage.push()).toEqual([201, 200])
  await expectOracles(stage, before)
})

test('S7 two builds of one path race: the first stays, the other is told', async () => {
  const stage = await uploadStage({ signs: true, isTrusted: false })
  const before = await baselineOf(stage.narwhal)
  const [one, two] = stage.cache.infos as [NarInfo, NarInfo]
  // Another build of the same path: other bytes under the same name.
  const rival: NarInfo = { ...two, storePath: one.storePath, references: [], signatures: [] }
  const first: NarInfo = { ...one, references: [], signatures: [] }
  await stage.pushNar(one)
  await stage.pushNar(two)
  const answers = await Promise.all([stage.pushNarinfo(first), stage.pushNarinfo(rival)])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409])
  const winner = answers[0]?.status === 201 ? first : rival
  const loser = winner === first ? rival : first
  const served = (await stage.get(`/${one.storePath.hash}.narinfo`)).body.toString()
  expect(served).toContain(`URL: ${winner.url}\n`)
  const late = await stage.pushNarinfo(loser)
  expect([late.status, late.body.toString()]).toEqual([
    409,
    expect.stringContaining('UPLOAD_CONFLICT'),
  ])
  expect((await stage.get(`/${one.storePath.hash}.narinfo`)).body.toString()).toBe(served)
  expectTruth(await stage.get(`/${winner.url}`), await stage.cache.bytesOf(winner))
  await expectOracles(stage, before)
})

test('S7 an upload that breaks off leaves nothing, one that is too slow is cut off', async () => {
  const stage = await uploadStage({ pushed: { totalBytes: 4_000_000 } })
  const before = await baselineOf(stage.narwhal)
  const { bytes, info, narwhal } = stage
  const head = [
    `PUT /${info.url} HTTP/1.1`,
    'Host: x',
    basic(stage.token),
    `Content-Length: ${bytes.length}`,
  ]
  const half = Buffer.concat([
    Buffer.from(`${head.join('\r\n')}\r\n\r\n`),
    bytes.subarray(0, bytes.length / 2),
  ])
  const tmp = () => readdir(join(narwhal.dataDir, 'tmp'))
  const broken = connect(narwhal.port, '127.0.0.1')
  broken.write(half)
  await expect.poll(tmp).toHaveLength(1)
  broken.destroy()
  await expect.poll(tmp).toEqual([])
  const counted = async (name: string, labels: Record<string, string>) =>
    parseScrape((await stage.get('/metrics')).body.toString()).value(name, labels)
  const isAborted = { kind: 'nar', result: 'aborted' }
  await expect.poll(() => counted('narwhal_uploads_total', isAborted)).toBe(1)
  const other = (result: string) => counted('narwhal_requests_total', { kind: 'other', result })
  expect([await other('aborted'), await other('failed')]).toEqual([1, 0])
  const slow = await exchangeRaw(narwhal.port, half, { timeoutMs: 120_000 })
  expect(slow.closedBy).not.toBe('timeout')
  expect(slow.responses).toEqual([])
  await expect.poll(tmp).toEqual([])
  await expectNothingKept(stage)
  await expectOracles(stage, before)
})
