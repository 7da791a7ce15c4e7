import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const src = resolve(import.meta.dirname, '../src')

/** Rooms by floor: a file imports its own room or a lower floor, never a sibling room. */
const floors: Readonly<Record<string, number>> = {
  '': 0,
  nix: 1,
  config: 2,
  policy: 2,
  advice: 3,
  nixos: 3,
  store: 4,
  upstream: 4,
  codec: 4,
  host: 4,
  proxy: 5,
  server: 6,
  cli: 7,
}
/** Rooms up to this floor touch no file, socket, clock or environment. */
const lastPureFloor = 3
const pureNodeModules = new Set(['node:crypto', 'node:buffer', 'node:path'])
const impureText = [
  // not the end of a sentence, nor docs/performance.md
  /\bprocess\.\w/,
  /\bDate\.now\(/,
  /\bnew Date\(\s*\)/,
  /\bMath\.random\(/,
  /\bperformance\.(?!md\b)\w/,
]

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) =>
  f.endsWith('.ts'),
)

function roomOf(path: string): string {
  const rel = relative(src, path)
  return rel.includes('/') ? (rel.split('/')[0] as string) : ''
}

function importsOf(text: string): string[] {
  const pattern = /(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g
  return [...text.matchAll(pattern)].map((m) => m[1] as string)
}

test('there is something to check', () => {
  expect(files.length).toBeGreaterThan(3)
})

test.each(files)('%s keeps to its room', (file) => {
  const path = join(src, file)
  const room = roomOf(path)
  const floor = floors[room]
  expect(floor, `room "${room}" has no floor in this test`).toBeDefined()
  const text = readFileSync(path, 'utf8')
  const breaches: string[] = []
  for (const specifier of importsOf(text)) {
    if (specifier.startsWith('.')) {
      const target = roomOf(resolve(dirname(path), specifier))
      if (target !== room && !((floors[target] ?? 99) < (floor as number)))
        breaches.push(`imports ${specifier} of room "${target}"`)
    } else if (specifier.startsWith('node:')) {
      if ((floor as number) <= lastPureFloor && !pureNodeModules.has(specifier))
        breaches.push(`a pure room imports ${specifier}`)
    }
  }
  if ((floor as number) <= lastPureFloor)
    for (const pattern of impureText)
      if (pattern.test(text)) breaches.push(`a pure room uses ${pattern.source}`)
  expect(breaches).toEqual([])
})

test('no barrels, no junk-drawer names, no default exports', () => {
  const bad = files.filter((f) => /(^|\/)(index|utils?|helpers?|common|manager)\.ts$/.test(f))
  expect(bad).toEqual([])
  const defaults = files.filter((f) => /export default/.test(readFileSync(join(src, f), 'utf8')))
  expect(defaults).toEqual([])
})
