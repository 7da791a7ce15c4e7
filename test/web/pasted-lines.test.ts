import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { makeNixHome } from '../support/nix-home.ts'
import { mustRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { proxiedClosure } from '../support/proxied-closure.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'

const nixTest = testWith(['nix', 'nix-store', 'nix-instantiate'])
const slow = { timeout: 180_000 }

/** What stands in a block of the page, as a browser would copy it. */
async function blockOf(url: string, id: string): Promise<string> {
  const page = await requestRaw(url, { headers: ['Accept: text/html,*/*'] })
  const block = new RegExp(`id="${id}".*?<code>(?!/etc)([^<]*\n[^<]*)</code>`, 's')
  const [, html = ''] = block.exec(page.body.toString()) ?? []
  const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' }
  return html.replace(/&([^;]+);/g, (_all, name: string) => entities[name] ?? '?')
}

async function freshHome() {
  const dir = await tempDir('pasted')
  return { dir, env: await makeNixHome(dir), store: join(dir, 'store') }
}

nixTest('the lines for nix.conf work as they are', slow, async () => {
  const { narwhal, closure, upstream } = await proxiedClosure('xz')
  const { dir, env, store } = await freshHome()
  await appendFile(join(dir, 'conf', 'nix.conf'), await blockOf(narwhal.url, 'use-nix-conf'))
  const { code, stderr } = await runProgram('nix-store', ['--store', store, '-r', closure.root], {
    env,
  })
  expect(stderr).toContain(`from '${narwhal.url}'`)
  expect(code, stderr).toBe(0)
  expect(upstream.count(/^\/nar\//)).toBe(closure.paths.length)
})

nixTest('the one command works as it is', slow, async () => {
  const { narwhal, closure } = await proxiedClosure('xz')
  const { env, store } = await freshHome()
  const command = await blockOf(narwhal.url, 'use-once')
  const ours = command.replace(
    'nix build nixpkgs#hello',
    `nix-store --store ${store} -r ${closure.root}`,
  )
  expect(ours).not.toBe(command)
  const { code, stderr } = await runProgram('sh', ['-c', ours], { env })
  expect(stderr).toContain(`from '${narwhal.url}'`)
  expect(code, stderr).toBe(0)
})

nixTest('the lines for NixOS and flakes are Nix, and say the same', slow, async () => {
  const { narwhal, closure } = await proxiedClosure('xz')
  const { env } = await freshHome()
  const evaluate = async (id: string) => {
    const text = await blockOf(narwhal.url, id)
    const args = ['--eval', '--json', '--strict', '-E', `{ ${text} }`]
    return JSON.parse(await mustRun('nix-instantiate', args, { env }))
  }
  expect(await evaluate('use-nixos')).toEqual({
    nix: {
      settings: { substituters: [narwhal.url], 'trusted-public-keys': [closure.publicKey] },
    },
  })
  expect(await evaluate('use-flake')).toEqual({
    nixConfig: {
      'extra-substituters': [narwhal.url],
      'extra-trusted-public-keys': [closure.publicKey],
    },
  })
})
