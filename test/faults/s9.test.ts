import { describe, expect } from 'vitest'
import { faultTest } from '../support/fault-stage.ts'
import * as faults from '../support/faults.ts'

const poison = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']

describe('S9: names that mean something to JavaScript', () => {
  faultTest('in a narinfo are fields nobody knows', {}, async (stage) => {
    stage.upstream.script(
      /\.narinfo$/,
      faults.edit((text) => text + poison.map((name) => `${name}: polluted\n`).join('')),
    )
    const response = await stage.narinfo()
    expect(response.status).toBe(200)
    expect(response.body.toString()).not.toContain('polluted')
    expect((await stage.nar()).status).toBe(200)
  })

  faultTest('as Compression are none', {}, async (stage) => {
    for (const name of poison) {
      stage.upstream.script(
        /\.narinfo$/,
        faults.edit((text) => text.replace(/^Compression: .*$/m, `Compression: ${name}`)),
      )
      expect((await stage.narinfo()).status, name).not.toBe(200)
    }
  })

  faultTest('as Content-Encoding are none', { paths: 6 }, async (stage) => {
    for (const [at, name] of poison.entries()) {
      const script = stage.upstream.script(/\.narinfo$/, faults.header('Content-Encoding', name))
      const { cache } = stage
      expect((await stage.narinfo(cache.infos[at])).status, name).not.toBe(200)
      script.stop()
    }
  })

  faultTest('as paths and headers are nothing', {}, async (stage) => {
    for (const name of poison) {
      const paths = [`/${name}`, `/nar/${name}`, `/${name}.narinfo`]
      for (const path of paths) expect((await stage.get(path)).status, path).toBe(404)
      const odd = { headers: [`${name}: x`, `Range: ${name}=0-1`] }
      expect((await stage.get('/nix-cache-info', odd)).status).toBe(200)
    }
  })
})
