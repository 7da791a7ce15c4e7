import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countNixProfiles } from '../../src/host/nix-profiles.ts'
import { readNix, settingsOf } from '../../src/host/nix-settings.ts'
import { programOutput } from '../../src/host/program-output.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'

test('keeps the settings that advice goes by, and no secrets', () => {
  const text = `access-tokens = github.com=ghp_secret
cores = 0
max-jobs = auto
netrc-file = /etc/nix/netrc
post-build-hook = 
secret-key-files = /key
substituters = https://me:word@cache.example.org https://cache.nixos.org/
trusted-substituters = 
`
  expect(settingsOf(text)).toEqual({
    cores: '0',
    'max-jobs': 'auto',
    substituters: 'https://cache.example.org https://cache.nixos.org/',
    'trusted-substituters': '',
  })
})

/** Puts a program called nix before all others for one test. */
async function fakeNix(script: string): Promise<void> {
  const bin = await tempDir('bin')
  await writeFile(join(bin, 'nix'), `#!/bin/sh\n${script}\n`)
  await chmod(join(bin, 'nix'), 0o755)
  path(`${bin}:${process.env.PATH}`)
}

const ownPath = process.env.PATH
function path(value: string | undefined): void {
  process.env.PATH = value
}

test('asks a new Nix in its own words, and an old one in those of its time', async () => {
  try {
    await fakeNix(`case "$*" in
      --version) echo "nix (Determinate Nix 3.1.1) 2.28.1" ;;
      *"config show") echo "max-jobs = 4" ;;
      *) exit 1 ;;
    esac`)
    expect(await readNix()).toEqual({ version: '2.28.1', settings: { 'max-jobs': '4' } })
    path(ownPath)
    await fakeNix(`case "$*" in
      --version) echo "nix (Nix) 2.8.0" ;;
      *show-config) echo "max-jobs = 2" ;;
      *) echo "'config' is not a recognised command" >&2; exit 1 ;;
    esac`)
    expect(await readNix()).toEqual({ version: '2.8.0', settings: { 'max-jobs': '2' } })
    path('/nowhere')
    expect(await readNix([])).toEqual({ version: undefined, settings: {} })
  } finally {
    path(ownPath)
  }
})

test('a Nix that says its version and then hangs is waited for some seconds', async () => {
  try {
    await fakeNix('[ "$*" = --version ] && echo "nix (Lix, like Nix) 2.93.0" || exec sleep 60')
    const started = performance.now()
    expect(await readNix()).toEqual({ version: '2.93.0', settings: {} })
    // it would sleep for a minute
    expect(performance.now() - started).toBeLessThan(30_000)
  } finally {
    path(ownPath)
  }
})

test('Nix is found where it usually is, too, for who has no PATH', async () => {
  try {
    const bin = await tempDir('bin')
    await writeFile(join(bin, 'nix'), '#!/bin/sh\necho "nix (Nix) 2.31.2"\n', { mode: 0o755 })
    path('')
    expect(await readNix([join(bin, 'absent'), join(bin, 'nix')])).toMatchObject({
      version: '2.31.2',
    })
  } finally {
    path(ownPath)
  }
})

test('a program that hangs, and will not end, is not waited for', async () => {
  const started = performance.now()
  const limits = { timeoutMs: 200 }
  expect(await programOutput('sh', ['-c', 'trap "" TERM; sleep 60'], limits)).toBe(undefined)
  expect(performance.now() - started).toBeLessThan(30_000)
  expect(await programOutput('sh', ['-c', 'echo said; exit 3'], limits)).toBe(undefined)
  expect(await programOutput('sh', ['-c', 'echo said'], { timeoutMs: 60_000 })).toBe('said\n')
})

testWith(['nix'])('reads the Nix of this machine', async () => {
  const { version, settings } = await readNix()
  expect(version).toMatch(/^\d+\.\d+/)
  expect(settings['max-jobs']).toMatch(/^(auto|\d+)$/)
  expect(settings).not.toHaveProperty('access-tokens')
})

test('counts roots and generations, and follows no link', async () => {
  const state = await tempDir('nix')
  const absent = { gcRootCount: undefined, generationCount: undefined }
  expect(await countNixProfiles(state)).toEqual(absent)
  for (const directory of ['gcroots/auto', 'profiles/per-user/ada'])
    await mkdir(join(state, directory), { recursive: true })
  for (const link of [
    'gcroots/current-system',
    'gcroots/profiles',
    'gcroots/auto/a1',
    'gcroots/auto/a2',
    'profiles/system',
    'profiles/system-1-link',
    'profiles/system-12-link',
    'profiles/per-user/ada/profile',
    'profiles/per-user/ada/profile-3-link',
  ])
    await symlink('/nowhere', join(state, link))
  expect(await countNixProfiles(state)).toEqual({ gcRootCount: 4, generationCount: 3 })
})
