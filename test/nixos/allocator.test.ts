import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allocator } from '../../src/cli/demo/proxy.ts'

const root = join(import.meta.dirname, '..', '..')

test.each([
  ['package.json', 3],
  ['config/systemd/narwhal.service', 1],
  ['nix/module.nix', 1],
])('%s tells glibc what the demo tells it', (file, times) => {
  const settings = readFileSync(join(root, file), 'utf8').matchAll(/\b(MALLOC_\w+)=(\w+)/g)
  const expected = Array.from({ length: times }, () => Object.entries(allocator)).flat()
  expect([...settings].map(([, name, value]) => [name, value])).toEqual(expected)
})
