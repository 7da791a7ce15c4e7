import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ErrorCode, errorTable } from '../../src/errors.ts'
import { statusOf } from '../../src/server/status-of.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` \| (.*) \| (.*) \| (\d*) \|$/gm)].map(
  ([, code = '', what = '', hint = '', status = '']) => ({ code, what, hint, status }),
)

test('docs/errors.md lists every code, in the order of the table, and no other', () => {
  expect(rows.map(({ code }) => code)).toEqual(Object.keys(errorTable))
})

test.each(rows)('$code says what happened, what to do, and the right status', (row) => {
  const code = row.code as ErrorCode
  expect(row.what).toMatch(/^[A-Z].{15,}\.$/)
  expect(row.hint).toBe(errorTable[code])
  const status = statusOf(code)
  expect(row.status).toBe(status === 500 ? '' : String(status))
})
