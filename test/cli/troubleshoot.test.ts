import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isBranch, type Topic } from '../../src/advice/troubleshooting/symptom.ts'
import { symptomsOf, troubles } from '../../src/advice/troubleshooting/tree.ts'
import { testWith } from '../support/programs.ts'
import { startTerminal } from '../support/terminal.ts'
import { runCommand } from './run-command.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const patience = 180_000
const soon = { interval: 100 }

describe('in a pipe', () => {
  test('it writes the whole tree, each symptom with what to do', async () => {
    const { code, stdout, stderr } = await runCommand(['troubleshoot'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const { title, id } of symptomsOf(troubles)) expect(stdout).toContain(`${title}  ${id}\n`)
    expect(stdout.match(/^What to do$/gm)?.length).toBe(symptomsOf(troubles).length)
    expect(stdout).toMatch(/^IT IS SLOW\n─+\n/m)
    expect(stdout).not.toContain('\u001b')
  })

  test('prose keeps to 80 columns; only what is to be pasted may be longer', async () => {
    const { stdout } = await runCommand(['troubleshoot'])
    const pasted = new Set(
      symptomsOf(troubles).flatMap(({ signs, mends }) => [
        ...signs.map(({ run }) => `$ ${run}`),
        ...mends.flatMap(({ lines = [] }) => lines),
      ]),
    )
    const long = stdout.split('\n').filter((line) => line.length > 80 && !pasted.has(line.trim()))
    expect(long).toEqual([])
  })

  test('--list gives ids and titles, one a line, within 80 columns', async () => {
    const { code, stdout } = await runCommand(['troubleshoot', '--list'])
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    const ids = lines.flatMap((line) => /^ *([a-z0-9-]+) {2,}/.exec(line)?.[1] ?? [])
    expect(ids).toEqual(topics(troubles).slice(1))
  })

  test('--json gives the tree as data', async () => {
    const { stdout } = await runCommand(['troubleshoot', '--json'])
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(troubles)))
    const one = await runCommand(['troubleshoot', 'nar-gone', '--json'])
    expect(JSON.parse(one.stdout)).toMatchObject({ id: 'nar-gone', codes: ['NAR_GONE'] })
  })

  test('an error code without a symptom of its own says what to do, and that is no failure', async () => {
    const { code, stdout } = await runCommand(['troubleshoot', 'upload_denied'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^UPLOAD_DENIED: Give a token that counts/)
    const { stdout: data } = await runCommand(['troubleshoot', 'UPLOAD_DENIED', '--json'])
    expect(JSON.parse(data)).toMatchObject({
      code: 'UPLOAD_DENIED',
      hint: expect.stringContaining('token'),
    })
  })

  test('a symptom stands alone: how to tell, why, what to do, source', async () => {
    const { code, stdout } = await runCommand(['troubleshoot', 'port-taken'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^Something else has its port {2}port-taken\nSaid: [\s\S]+CANNOT_LISTEN\n\nHow to tell\n {2}\$ ss -ltnp[\s\S]+\n\nWhy\n[\s\S]+\n\nWhat to do\n {2}1\. [\s\S]+ {7}systemctl disable --now nix-serve\n[\s\S]+\n\nSource: /,
    )
  })

  test('a message as it was pasted finds its symptom; words list what fits', async () => {
    const message = "error: file 'nar/x.nar.xz' does not exist in binary cache 'http://cache.lan'"
    expect((await runCommand(['troubleshoot', message])).stdout).toMatch(/ {2}nar-gone\n/)
    const words = await runCommand(['troubleshoot', 'usb', '2'])
    expect(words.stdout).toMatch(/^slow-disk {3,}The disk of the server is the limit$/m)
  })

  test('what fits nothing, and flags that do not go together, are wrong usage', async () => {
    for (const args of [
      ['xyzzy'],
      ['--url', 'http://127.0.0.1:1'],
      ['--auto', '--url', 'here'],
      ['--auto', '--list'],
      ['--auto', 'slow'],
      ['--auto', '--store-path', 'hello'],
    ]) {
      const { code, stdout, stderr } = await runCommand(['troubleshoot', ...args])
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' })
      expect(stderr).toMatch(/^error: /)
    }
  })
})

describe('on a terminal', () => {
  async function walk(env = 'NO_COLOR=1') {
    const command = `echo before; env ${env} ${process.execPath} ${main} troubleshoot; echo "after $?"`
    const terminal = await startTerminal({ command, columns: 80, rows: 60 })
    const type = async (...keys: string[]) => {
      for (const key of [...keys, 'Enter']) await terminal.press(key)
    }
    return { terminal, type }
  }

  testWith(['tmux'])(
    'questions lead to a symptom, b leads back, q quits',
    async () => {
      const { terminal, type } = await walk()
      await expect.poll(terminal.screen, soon).toMatch(/^1 to 5, q to quit:$/m)
      await expect.poll(terminal.screen, soon).toMatch(/^ {2}2 {2}It is slow \(10\)$/m)
      await type('1')
      await expect.poll(terminal.screen, soon).toContain('How far does it get?')
      await expect.poll(terminal.screen, soon).toMatch(/^1 to 5, b for back, q to quit:$/m)
      await type('4')
      await expect.poll(terminal.screen, soon).toContain('Who refuses it, and with which words?')
      await type('1')
      await expect.poll(terminal.screen, soon).toMatch(/^b for back, q to quit:$/m)
      await expect
        .poll(terminal.screen, soon)
        .toContain('nix show-config | grep ^trusted-public-keys')
      await type('b')
      await expect.poll(terminal.screen, soon).toMatch(/^1 to 4, b for back, q to quit:$/m)
      await type('q')
      await expect.poll(terminal.screen, soon).toContain('after 0')
    },
    patience,
  )

  testWith(['tmux'])(
    'what is no answer is asked again; at the top there is no way back',
    async () => {
      const { terminal, type } = await walk()
      await expect.poll(terminal.screen, soon).toMatch(/q to quit:$/m)
      const complaints = async () =>
        (await terminal.screen()).match(/^Give 1 to 5, q to quit\.$/gm)?.length
      for (const [before, wrong] of ['9', 'b', 'x', '0'].entries()) {
        await type(wrong)
        await expect.poll(complaints, soon).toBe(before + 1)
      }
    },
    patience,
  )

  testWith(['tmux'])(
    'Ctrl-D and Ctrl-C quit',
    async () => {
      for (const key of ['C-d', 'C-c']) {
        const { terminal } = await walk()
        await expect.poll(terminal.screen, soon).toMatch(/q to quit:$/m)
        await terminal.press(key)
        await expect.poll(terminal.screen, soon).toContain('after 0')
      }
    },
    patience,
  )

  testWith(['tmux'])(
    'colours are used unless NO_COLOR is set',
    async () => {
      for (const [env, has] of [
        ['A=b', true],
        ['NO_COLOR=1', false],
      ] as const) {
        const { terminal } = await walk(env)
        await expect.poll(terminal.screen, soon).toMatch(/q to quit:$/m)
        expect((await terminal.colouredScreen()).includes('\u001b[1m')).toBe(has)
      }
    },
    patience,
  )
})

function topics(topic: Topic): string[] {
  return [topic.id, ...(isBranch(topic) ? topic.children.flatMap(topics) : [])]
}
