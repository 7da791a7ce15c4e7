import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../cli/run-command.ts'

const docs = join(import.meta.dirname, '../../docs')
const pages = [
  'best-practices.md',
  'hardware.md',
  'runbook.md',
  'seed.md',
  'troubleshooting.md',
] as const

interface Use {
  readonly page: string
  readonly text: string
  /** command, and subcommand where there is one */
  readonly words: readonly string[]
  readonly flags: readonly string[]
}

const uses = pages.flatMap(usesIn)
const helps = new Map<string, string>()

async function helpOf(words: readonly string[]): Promise<string> {
  const key = words.join(' ')
  const known = helps.get(key)
  if (known !== undefined) return known
  const { code, stdout, stderr } = await runCommand([...words, '--help'])
  expect(code, `narwhal ${key} --help\n${stderr}`).toBe(0)
  helps.set(key, stdout)
  return stdout
}

/** Every `narwhal …` in code of a page, with its flags. */
function usesIn(page: string): Use[] {
  const text = readFileSync(join(docs, page), 'utf8')
  const blocks = [...text.matchAll(/^ *```\w*\n([\s\S]*?)^ *```$/gm)].flatMap(([, code = '']) =>
    code.split('\n'),
  )
  const inline = [...text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code = '']) => code,
  )
  return [...blocks, ...inline].flatMap((line) => {
    const found =
      /(?:^|[;&|(]) *(?:npm run -s )?narwhal (?:-- )?([a-z][a-z-]*)(?: ([a-z]+)(?= |$))?([^;&|#]*)/.exec(
        line.replace(/#.*/, '').trim(),
      )
    if (!found) return []
    const [, command = '', next, rest = ''] = found
    const hasParts = command === 'experiment' || command === 'token'
    const words = hasParts && next !== undefined ? [command, next] : [command]
    const flags = [...rest.replaceAll(/"[^"]*"/g, '').matchAll(/(?<= )--[a-z-]+/g)].map(
      ([flag]) => flag,
    )
    return [{ page, text: line.trim(), words, flags }]
  })
}

test('there are commands to look at', () => {
  expect(uses.length).toBeGreaterThan(60)
})

const commands = [...new Set(uses.map(({ words }) => words.join(' ')))].toSorted()

test.each(commands)('narwhal %s exists, and so does every flag the pages give it', async (name) => {
  const help = await helpOf(name.split(' '))
  expect(help).toContain(`Usage: narwhal ${name} `)
  for (const { page, text, words, flags } of uses) {
    if (words.join(' ') !== name) continue
    for (const flag of flags) expect(help, `${page}: ${text}`).toMatch(new RegExp(`${flag}[ ,\\n]`))
  }
})
