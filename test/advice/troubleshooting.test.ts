import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findTopics } from '../../src/advice/troubleshooting/search.ts'
import { isBranch, type Symptom, type Topic } from '../../src/advice/troubleshooting/symptom.ts'
import { symptomsOf, topicOf, troubles } from '../../src/advice/troubleshooting/tree.ts'
import { optionsOf } from '../../src/config/option.ts'
import { options, upstreamOptions } from '../../src/config/options.ts'
import { type ErrorCode, errorTable } from '../../src/errors.ts'
import { commandsIn, missingCommands } from '../support/named-commands.ts'
import { makeNixHome } from '../support/nix-home.ts'
import { mustRun } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { tempDir } from '../support/temp-dir.ts'

const project = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(project, file), 'utf8')
const symptoms = symptomsOf(troubles)

/** All that a symptom says, piece for piece. */
function textsOf({ title, said, signs, cause, mends, source }: Symptom): string[] {
  return [
    title,
    ...said,
    ...signs.flatMap(({ run, prints }) => [run, prints]),
    cause,
    ...mends.flatMap(({ text, lines = [] }) => [text, ...lines]),
    source,
  ]
}

function topicsOf(topic: Topic): Topic[] {
  return [topic, ...(isBranch(topic) ? topic.children.flatMap(topicsOf) : [])]
}

describe('the tree', () => {
  test('goes from not working over slow to crashes, recovery, and hardware that is not enough', () => {
    expect(troubles.children.map(({ id }) => id)).toEqual([
      ...['not-working', 'slow', 'crashes', 'recovery', 'inadequate'],
    ])
    expect(symptoms.length).toBeGreaterThanOrEqual(40)
  })

  test('has each id once, in a form for command lines', () => {
    const ids = topicsOf(troubles).map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  })

  test('leads on from every question, by at least two answers', () => {
    for (const topic of topicsOf(troubles))
      if (isBranch(topic)) {
        expect(topic.children.length, topic.id).toBeGreaterThan(1)
        expect(topic.ask, topic.id).toMatch(/\?|: /)
      }
  })

  test.each(symptoms.map((symptom) => [symptom.id, symptom] as const))(
    '%s says how to tell, why, what to do, and where it is known from',
    (_id, symptom) => {
      // 80 columns, less what stands before it in --list
      expect(symptom.title.length).toBeLessThanOrEqual(53)
      expect(symptom.cause).toMatch(/^.{40,}\.$/s)
      expect(symptom.source).toMatch(/.{8,}/)
      for (const { text } of symptom.mends) expect(text).toMatch(/^\S.{10,}[.:]$/s)
      for (const text of textsOf(symptom)) {
        expect(text).toBe(text.trim())
        expect(text).not.toMatch(/\n|’/)
      }
    },
  )

  test('names other symptoms only where they are', () => {
    for (const symptom of symptoms)
      for (const text of textsOf(symptom))
        for (const [, list = ''] of text.matchAll(/\bsee ((?:[a-z0-9]+-[a-z0-9-]+(?: and )?)+)/gi))
          for (const id of list.split(' and ').filter(Boolean))
            expect(topicOf(id), `${symptom.id} names ${id}`).toBeDefined()
  })

  test.each([
    ...['BAD_NARINFO', 'BAD_NAR', 'BAD_HASH', 'BAD_KEY', 'BAD_SIGNATURE', 'BAD_CACHE_INFO'],
    ...['BAD_CONFIG', 'CONFIG_UNREADABLE', 'SECRET_UNREADABLE', 'UNTRUSTED', 'WRONG_STORE_PATH'],
    ...['FOREIGN_URL', 'UPSTREAM_UNREACHABLE', 'UPSTREAM_STATUS', 'UPSTREAM_BUSY', 'CORRUPT'],
    ...['UPSTREAM_MALFORMED', 'UPSTREAM_CUT_SHORT', 'UPSTREAM_STALLED', 'CHECK_FAILED', 'BUSY'],
    ...['UNVERIFIABLE', 'NO_ANSWER', 'UNSURE', 'NAR_GONE', 'LOCKED', 'PASSED_ON', 'IN_USE'],
    ...['NO_DATA', 'INDEX_LOST', 'DISK', 'CANNOT_WRITE', 'CANNOT_LISTEN', 'NO_CACHE', 'NO_SERVER'],
  ] as ErrorCode[])('%s leads to a symptom', (code) => {
    expect(errorTable).toHaveProperty(code)
    expect(findTopics(code).length).toBeGreaterThan(0)
  })
})

describe('what it names exists', () => {
  test('each command of narwhal and each of its flags', { timeout: 180_000 }, async () => {
    const commands = symptoms.flatMap((symptom) => textsOf(symptom).flatMap(commandsIn))
    expect(commands.length).toBeGreaterThan(40)
    expect(await missingCommands(commands)).toEqual([])
  })

  test('each option of the configuration', () => {
    const known = new Set([
      ...[...optionsOf(options), ...optionsOf(upstreamOptions)].map(({ key }) => key),
    ])
    const tables = [...new Set([...known].map((key) => key.split('.')[0]))].join('|')
    for (const symptom of symptoms)
      for (const text of textsOf(symptom))
        for (const [key] of text.matchAll(new RegExp(`\\b(?:${tables})\\.[a-z_]+\\b`, 'g')))
          if (!/^cache\.(lan|nixos|old|cc)$/.test(key) && !text.includes(`${key}/`))
            expect(known, `${symptom.id}: ${key}`).toContain(key)
  })

  test('each line of configuration is one narwhal takes', () => {
    const keys = new Set(
      [...optionsOf(options), ...optionsOf(upstreamOptions)].map(({ key }) => key),
    )
    for (const { id, mends } of symptoms)
      for (const { lines = [] } of mends) {
        let table: string | undefined
        for (const line of lines) {
          const heading = /^\[+(\w+)\]+$/.exec(line)?.[1]
          if (heading !== undefined) table = heading
          else if (table !== undefined) {
            const key = line.split(' = ')[0] ?? ''
            expect(keys, `${id}: ${line}`).toContain(table === 'upstream' ? key : `${table}.${key}`)
          }
        }
      }
  })

  test('each metric and each alert', () => {
    const metrics = read('docs/metrics.md')
    const alerts = read('config/alert-rules.yml')
    for (const symptom of symptoms)
      for (const text of textsOf(symptom)) {
        for (const [name] of text.matchAll(/\bnarwhal_[a-z_]+/g))
          expect(metrics).toContain(`\`${name}\``)
        for (const [name] of text.matchAll(/\bNarwhal[A-Z]\w+/g))
          expect(alerts).toContain(`alert: ${name}\n`)
      }
  })

  test('each file of docs and sources, and each heading', () => {
    const later = new Set(['docs/hardware.md', 'docs/runbook.md'])
    for (const { id, source } of symptoms)
      for (const part of source.split('; ')) {
        const [, file, heading] =
          /^((?:docs|src)\/[\w./-]+?\.(?:md|ts))(?:, ([A-Z][\w' ]+?))?(?: and .*|\?)?$/.exec(
            part,
          ) ?? []
        if (file === undefined || later.has(file)) continue
        expect(existsSync(join(project, file)), `${id}: ${file}`).toBe(true)
        if (heading && file.endsWith('.md') && heading.length > 3)
          expect(read(file), `${id}: ${part}`).toContain(heading)
      }
  })

  testWith(['nix'])('each setting of Nix that is to be set', async () => {
    const dir = await tempDir('settings')
    const env = await makeNixHome(dir)
    const shown = await mustRun('nix', ['show-config'], { cwd: dir, env })
    const known = new Set([...shown.matchAll(/^([\w-]+) =/gm)].map(([, name]) => name))
    // newer than the Nix of this test
    for (const name of ['max-substitution-jobs', 'always-allow-substitutes']) known.add(name)
    for (const { id, mends } of symptoms)
      for (const line of mends.flatMap(({ lines = [] }) => lines)) {
        const name = /^(?:extra-)?([a-z]+(?:-[a-z]+)+|substituters|fallback) = /.exec(line)?.[1]
        if (name !== undefined) expect(known, `${id}: ${line}`).toContain(name)
        const given = /--option (\S+) /.exec(line)?.[1]
        if (given !== undefined) expect(known, `${id}: ${line}`).toContain(given)
      }
  })
})

describe('finding a symptom', () => {
  const ids = (text: string) => findTopics(text).map(({ id }) => id)

  test('by its id, and a branch by its own', () => {
    expect(ids('key-missing')).toEqual(['key-missing'])
    expect(ids(' SLOW ')).toEqual(['slow'])
  })

  test('every symptom and branch by its id, and every message by itself', () => {
    for (const { id } of topicsOf(troubles)) expect(ids(id)).toEqual([id])
    for (const { id, said } of symptoms)
      for (const message of said) expect(ids(message), message).toContain(id)
  })

  test('by an error code of narwhal', () => {
    expect(ids('CORRUPT')).toEqual(['hash-mismatch', 'cache-corrupt'])
    expect(ids('untrusted')).toEqual(['upstream-untrusted'])
  })

  test('by a message as Nix prints it, with paths and addresses in it', () => {
    const messages = {
      "warning: substituter 'http://cache.lan:5000' does not have a valid signature for path '/nix/store/aaa-hello'":
        'key-missing',
      "error: cannot add path '/nix/store/aaa-hello' because it lacks a signature by a trusted key":
        'key-missing',
      "warning: ignoring untrusted substituter 'https://cache.iog.io', you are not a trusted user":
        'untrusted-user',
      "error: hash mismatch importing path '/nix/store/aaa-x'; specified: sha256:1 got: sha256:2":
        'hash-mismatch',
      "error: binary cache 'http://cache.lan' is for Nix stores with prefix '/other', not '/nix/store'":
        'other-store-dir',
      'error: cannot listen on http://127.0.0.1:5000: listen EADDRINUSE: address already in use 127.0.0.1:5000':
        'port-taken',
      "error: file 'nar/abc.nar.xz' does not exist in binary cache 'http://cache.lan:5000'":
        'nar-gone',
    }
    for (const [message, id] of Object.entries(messages)) expect(ids(message)).toEqual([id])
  })

  test('by words, the best first; nothing where a word is nowhere', () => {
    expect(ids('wifi')[0]).toBe('wifi-bound')
    expect(ids('sd card dying')[0]).toBe('sd-card-dying')
    expect(ids('wifi xyzzy')).toEqual([])
    expect(ids('the a')).toEqual([])
    expect(ids('')).toEqual([])
  })
})
