import { chmod, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { type NarwhalProcess, startNarwhal } from '../support/narwhal-process.ts'
import { baselineOf, expectCalm, expectSoundDataDir } from '../support/oracles.ts'
import { requestRaw } from '../support/raw-http.ts'
import { newToken, recordOf, uploadStage, writeTokens } from '../support/upload-stage.ts'

/** What any wrong token costs before it is answered. */
const delayMs = 300

async function reload(
  narwhal: NarwhalProcess,
  line = /reloaded the configuration/g,
): Promise<void> {
  const count = () => (narwhal.stderr.match(line) ?? []).length
  const before = count()
  narwhal.signal('SIGHUP')
  await expect.poll(count).toBe(before + 1)
}

test('S8 guesses are all answered alike, late, and hardly logged; the right token goes on', async () => {
  const stage = await uploadStage({ env: { NARWHAL_LOG_LEVEL: 'debug' } })
  const { narwhal, token } = stage
  const before = await baselineOf(narwhal)
  const guesses = [
    ...Array.from({ length: 200 }, newToken),
    token.slice(0, -1),
    `${token}A`,
    token.toUpperCase(),
    'narwhal_',
    '',
  ]
  const started = performance.now()
  const answers = await Promise.all(
    guesses.map((guess) => stage.delete('/nothing', guess === '' ? ' ' : guess)),
  )
  expect(performance.now() - started).toBeGreaterThanOrEqual(delayMs)
  for (const { status, body } of answers) {
    expect(status).toBe(401)
    expect(body.toString().replace(/from \S+/, '')).toContain('(UPLOAD_DENIED)')
  }
  expect(await stage.push()).toEqual([201, 201])
  // Of lines that say the same, the log takes twenty in ten seconds.
  expect((narwhal.stderr.match(/UPLOAD_DENIED/g) ?? []).length).toBeLessThanOrEqual(25)
  for (const secret of [token, ...guesses.filter((guess) => guess.length > 12)])
    expect(narwhal.stderr).not.toContain(secret)
  const metrics = (await stage.get('/metrics')).body.toString()
  expect(metrics).toContain(`narwhal_uploads_total{kind="other",result="denied"} ${guesses.length}`)
  await expectCalm(narwhal, before, [stage.upstream])
  await narwhal.stop()
  await expectSoundDataDir(narwhal.dataDir)
})

test('S8 a reload makes new tokens count, and revoked ones count no longer', async () => {
  const stage = await uploadStage()
  const { narwhal, tokensFile, token } = stage
  const [other, late] = [newToken(), newToken()]
  const status = async (given: string) => (await stage.delete('/none', given)).status
  await writeTokens(tokensFile, [
    recordOf('other', other),
    recordOf('late', late, '2020-01-01T00:00:00Z'),
  ])
  expect([await status(token), await status(other)]).toEqual([404, 401])
  await reload(narwhal)
  expect([await status(token), await status(other), await status(late)]).toEqual([401, 404, 401])
  // The user's name does not count, and Bearer is as good.
  expect(
    (await stage.put('/nix-cache-info', 'StoreDir: /nix/store\n', { token: other })).status,
  ).toBe(200)
})

test('S8 a file of tokens that others may read, or that is damaged, is not used', async () => {
  const stage = await uploadStage()
  const { narwhal, tokensFile, token } = stage
  const kept = /kept the old configuration/g
  await chmod(tokensFile, 0o644)
  await reload(narwhal, kept)
  expect(narwhal.stderr).toContain('others may read or change it (its mode is 644)')
  await chmod(tokensFile, 0o640)
  await reload(narwhal)
  await writeFile(tokensFile, '{"version":1,"tokens":[{"name":"x"}]}')
  await reload(narwhal, kept)
  expect((await stage.delete('/none', token)).status).toBe(404)
  await chmod(tokensFile, 0o666)
  const refused = startNarwhal({
    upstreams: [stage.upstream.url],
    trustedKeys: [],
    env: { NARWHAL_AUTH_TOKENS_FILE: tokensFile },
  })
  await expect(refused).rejects.toThrow(/others may read or change it[\s\S]*chmod 600/)
})

test('S8 without a file of tokens nothing is taken, and the answer says what to set', async () => {
  const stage = await uploadStage({ hasTokens: false })
  for (const method of ['PUT', 'DELETE']) {
    const url = `${stage.narwhal.url}/${stage.info.storePath.hash}.narinfo`
    const { status, body, header } = await requestRaw(url, { method })
    expect([status, header('allow')]).toEqual([405, 'GET, HEAD'])
    expect(body.toString()).toContain('auth.tokens_file')
  }
})
