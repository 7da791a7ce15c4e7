import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addressOf } from '../../src/server/address-of.ts'
import { assetNames } from '../../src/server/assets.ts'
import { homeHtml } from '../../src/server/home-page.ts'
import { nixSnippets } from '../../src/server/nix-snippets.ts'
import { startNarwhal } from '../support/narwhal-process.ts'
import { exchangeRaw, requestRaw } from '../support/raw-http.ts'

const nowhere = { upstreams: ['http://127.0.0.1:1'], trustedKeys: [] }
const browser = { headers: ['Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8'] }

test('browsers get the page, all others plain text', async () => {
  const { url } = await startNarwhal(nowhere)
  const page = await requestRaw(url, browser)
  expect(page.header('content-type')).toBe('text/html; charset=utf-8')
  expect(page.body.toString()).toMatch(/^<!doctype html>/)
  for (const headers of [[], ['Accept: */*'], ['Accept: application/json']]) {
    const text = await requestRaw(url, { headers })
    expect(text.header('content-type')).toBe('text/plain; charset=utf-8')
    expect(text.header('vary')).toBe('Accept')
    expect(text.body.toString()).toContain('extra-substituters = http://<this host>:<port>')
  }
  const head = await requestRaw(url, { method: 'HEAD', ...browser })
  expect(head.header('content-length')).toBe(String(page.body.length))
  expect(head.body.length).toBe(0)
})

test('the page may run its own scripts and load its own files, nothing else', async () => {
  const { url } = await startNarwhal(nowhere)
  const page = await requestRaw(url, browser)
  const policy = page.header('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/unsafe|\*|https?:/)
  expect(page.header('x-content-type-options')).toBe('nosniff')
  expect(page.header('cache-control')).toBe('no-store')
  const html = page.body.toString()
  expect(html).not.toMatch(/<script(?! src=)(?! type="module" src=)|<style|\son\w+=|\sstyle=/)
  for (const [, reference = ''] of html.matchAll(/(?:src|href)="([^"]*)"/g))
    expect(reference).toMatch(/^[/#]/)
})

test('the page and all its files come to less than 150 KB, and each is there', async () => {
  const { url } = await startNarwhal(nowhere)
  const page = await requestRaw(url, browser)
  let bytes = page.body.length
  for (const name of assetNames) {
    const { status, body, header } = await requestRaw(`${url}/web/${name}`)
    expect(status, name).toBe(200)
    expect(header('x-content-type-options')).toBe('nosniff')
    bytes += body.length
    for (const known of [header('etag'), `"other", W/${header('etag')}`]) {
      const headers = [`If-None-Match: ${known}`]
      expect((await requestRaw(`${url}/web/${name}`, { headers })).status, known).toBe(304)
    }
  }
  expect(bytes).toBeLessThan(150_000)
  const own = await readdir(join(import.meta.dirname, '../../src/server/web'))
  const served = [...assetNames.filter((name) => !name.startsWith('uPlot')), 'page.html']
  expect(own.toSorted()).toEqual(served.toSorted())
})

test.each(['/web/', '/web/page.html', '/web/../start.ts', '/web/constructor', '/web/page.js/'])(
  'nothing is at %s',
  async (path) => {
    const { url } = await startNarwhal(nowhere)
    expect((await requestRaw(url + path)).status).toBe(404)
  },
)

describe('the address in the lines', () => {
  const of = (host: string | undefined, proto?: string) =>
    addressOf({ headers: { host, 'x-forwarded-proto': proto } })

  test.each([
    ['cache.lan:5000', 'http://cache.lan:5000'],
    ['Cache.LAN', 'http://cache.lan'],
    ['10.0.0.2:5000', 'http://10.0.0.2:5000'],
    ['[fd00::2]:5000', 'http://[fd00::2]:5000'],
  ])('%s is %s', (host, address) => expect(of(host)).toBe(address))

  test('is https behind a proxy that says so', () => {
    expect(of('cache.lan', 'https')).toBe('https://cache.lan')
    expect(of('cache.lan', 'javascript')).toBe('http://cache.lan')
  })

  test.each([
    undefined,
    '',
    'a b',
    'a"b',
    '<script>',
    "a'b",
    'a/b',
    'a@b',
    'a:0',
    'a:99999',
    'a:5000:5000',
    '[::1',
    '[zz]',
    '-a',
    'a\nsubstituters = http://evil',
    `${'a'.repeat(300)}`,
  ])('%j is none', (host) => expect(of(host)).toBeUndefined())

  test('a hostile Host header reaches neither page nor lines', async () => {
    const { port } = await startNarwhal(nowhere)
    const request = `GET / HTTP/1.1\r\nHost: "><script>alert(1)</script>\r\nAccept: text/html\r\nConnection: close\r\n\r\n`
    const { responses } = await exchangeRaw(port, request)
    const body = responses[0]?.body.toString() ?? ''
    expect(body).not.toContain('alert')
    if (responses[0]?.status === 200)
      expect(body).toContain('extra-substituters = http://localhost:5000')
  })
})

test('what is filled into the page is escaped, whatever it is', () => {
  const evil = `<b>&"'{{version}}`
  const facts = { version: evil, upstreams: [evil], publicKeys: [`${evil}:x`] }
  const html = homeHtml('{{version}}|{{upstreams}}|{{nixos}}|{{unknown}}', facts, 'http://x')
  expect(html).not.toMatch(/[<>"']/)
  expect(html.startsWith('&lt;b&gt;&amp;&quot;&#39;{{version}}|')).toBe(true)
})

describe('snippets', () => {
  const evilKey = `a"$` + `{b}\\'c`

  test('quote what Nix and a shell would read as more than a text', () => {
    const { nixos, oneOff } = nixSnippets({ address: 'http://x', publicKeys: [evilKey] })
    expect(nixos).toContain(`[ "a\\"\\$` + `{b}\\\\'c" ]`)
    expect(oneOff).toContain(`'a"\${b}\\'\\''c'`)
  })

  test('name no keys where there are none', () => {
    for (const text of Object.values(nixSnippets({ address: 'http://x', publicKeys: [] })))
      expect(text).not.toContain('keys')
  })
})
