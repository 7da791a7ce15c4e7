import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../cli/run-command.ts'
import { tempDir } from '../support/temp-dir.ts'

const page = await readFile(join(import.meta.dirname, '../../docs/json.md'), 'utf8')
const machine = ['--ram', '4G', '--cores', '2', '--disk', 'hdd:500G', '--link', '1G']

/** Every command of the page, and words that make it report something. */
const commands: Readonly<Record<string, readonly string[]>> = {
  'narwhal diagnose': machine,
  'narwhal diagnose --slow': machine,
  'narwhal assess': machine,
  'narwhal plan --budget': ['100', ...machine],
  'narwhal plan --developers': ['10', ...machine],
  'narwhal generate-config': machine,
  'narwhal direct-network --advise': machine,
  'narwhal experiment log': ['--journal', join(await tempDir('journal'), 'none.jsonl')],
  'narwhal troubleshoot --list': [],
  'narwhal troubleshoot --auto': ['--url', 'http://127.0.0.1:1'],
}
/** Takes long, and is held where it is measured. */
const heldElsewhere = ['narwhal diagnose --measure']

const rows = new Map(
  [...page.matchAll(/^\| `(narwhal [^`]+)` \| (.*) \|$/gm)].map(([, command, fields]) => [
    command as string,
    [...(fields as string).matchAll(/`([A-Za-z]+)`/g)].map(([, name]) => name as string),
  ]),
)

test('every command of the page is run here', () => {
  expect([...rows.keys()].toSorted()).toEqual(
    [...Object.keys(commands), ...heldElsewhere].toSorted(),
  )
})

test.each(Object.entries(commands))('%s writes what docs/json.md says', async (command, words) => {
  const run = await runCommand([...command.split(' ').slice(1), ...words, '--json'])
  const report = JSON.parse(run.stdout)
  const told = [
    ...(rows.get(command) ?? []),
    ...(command.includes('--slow') ? (rows.get('narwhal diagnose') ?? []) : []),
  ]
  expect(told).toEqual(expect.arrayContaining(Object.keys(report)))
  expect(run.stdout).not.toMatch(/:null\b|: null\b/)
})
