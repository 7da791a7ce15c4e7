import { readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDirectory } from '../../src/store/make-directory.ts'
import { tempDir } from '../support/temp-dir.ts'

test('makes a directory and those above it', async () => {
  const deep = join(await tempDir('made'), 'a/b/c')
  expect(await makeDirectory(deep)).toBe(true)
  expect((await stat(deep)).isDirectory()).toBe(true)
})

test('says of one that is there, also behind a link, that it was', async () => {
  const root = await tempDir('made')
  expect(await makeDirectory(root)).toBe(false)
  await symlink(root, join(root, 'link'))
  expect(await makeDirectory(join(root, 'link'))).toBe(false)
  expect(await makeDirectory(join(root, 'link/new'))).toBe(true)
  expect(await readdir(root)).toEqual(['link', 'new'])
})

test('of several at once one makes it, and none fails', async () => {
  const deep = join(await tempDir('made'), 'a/b/c')
  const made = await Promise.all(Array.from({ length: 8 }, () => makeDirectory(deep)))
  expect(made.filter((isNew) => isNew)).toHaveLength(1)
})

test('takes no file for a directory', async () => {
  const root = await tempDir('made')
  const file = join(root, 'file')
  await writeFile(file, '')
  await expect(makeDirectory(file)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makeDirectory(join(file, 'x/y'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  await symlink(join(root, 'nowhere'), join(root, 'dangling'))
  await expect(makeDirectory(join(root, 'dangling'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readdir(root)).toEqual(['dangling', 'file'])
})
