import { describe, expect } from 'vitest'
import { fingerprint } from '../../src/nix/fingerprint.ts'
import { printNarInfo } from '../../src/nix/narinfo.ts'
import { formatPublicKey, generateSecretKey, signText } from '../../src/nix/signature.ts'
import { startFakeUpstream } from '../support/fake-upstream.ts'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { requestRaw } from '../support/raw-http.ts'

const isNarinfo = /\.narinfo$/

describe('S5: keys', () => {
  faultTest('an unsigned path is passed on by nobody', {}, async (stage) => {
    stage.upstream.script(
      isNarinfo,
      faults.edit((text) => text.replace(/^Sig: .*\n/m, '')),
    )
    expect((await stage.narinfo()).status).toBe(404)
    expect((await stage.nar()).status === 200).toBe(true)
  })

  faultTest('any one of several signatures is enough, and all are passed on', {}, async (stage) => {
    const { info, upstream, narwhal } = stage
    const foreign = signText(fingerprint(info), generateSecretKey('foreign-1'))
    const both = { ...info, signatures: [foreign, ...info.signatures] }
    upstream.script(isNarinfo, faults.body(printNarInfo(both)))
    const response = await requestRaw(`${narwhal.url}/${info.storePath.hash}.narinfo`)
    expect(response.status).toBe(200)
    expect(response.body.toString().match(/^Sig: /gm)).toHaveLength(2)
  })

  faultTest('a key that is withdrawn stops counting for what is kept too', {}, async (stage) => {
    const { narwhal, upstream, info } = stage
    await stage.narinfo()
    await stage.nar()
    await stage.expectCalm()
    await narwhal.stop()
    const other = formatPublicKey(generateSecretKey('other-1').publicKey)
    const later = await startNarwhal({
      upstreams: [upstream.url],
      trustedKeys: [other],
      dataDir: narwhal.dataDir,
    })
    const answer = await requestRaw(`${later.url}/${info.storePath.hash}.narinfo`)
    expect(answer.status).toBe(404)
    await later.stop()
    await narwhal.restart()
  })

  faultTest(
    'after a rotation what the new key has signed is taken, nothing is signed anew',
    {},
    async (stage) => {
      const { narwhal, cache, info } = stage
      await stage.narinfo()
      await stage.nar()
      await narwhal.stop()
      const fresh = generateSecretKey('synthetic-2')
      const signed = { ...info, signatures: [signText(fingerprint(info), fresh)] }
      const rotated = await startFakeUpstream(cache.directory)
      rotated.script(isNarinfo, faults.body(printNarInfo(signed)))
      const later = await startNarwhal({
        upstreams: [rotated.url],
        trustedKeys: [formatPublicKey(fresh.publicKey)],
        dataDir: narwhal.dataDir,
      })
      const answer = await requestRaw(`${later.url}/${info.storePath.hash}.narinfo`)
      expect(answer.status).toBe(200)
      expect(answer.body.toString()).toBe(printNarInfo(signed))
      expect((await requestRaw(`${later.url}/${info.url}`)).body.equals(stage.bytes)).toBe(true)
      await later.stop()
      await narwhal.restart()
    },
  )
})
