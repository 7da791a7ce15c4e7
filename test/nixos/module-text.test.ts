import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comment } from '../../src/nixos/comment.ts'
import { type Assignment, moduleText } from '../../src/nixos/module-text.ts'
import { mkDefault, mkIf, mkMerge, type NixValue } from '../../src/nixos/nix-value.ts'
import { checkOption } from '../../src/nixos/options.ts'
import { testWith } from '../support/programs.ts'
import { evaluate } from './evaluate.ts'

const maxJobs: Assignment = { path: ['nix', 'settings', 'max-jobs'], value: 1 }

testWith(['nix-instantiate'])('no comment gets into the code, whatever stands in it', async () => {
  const said = fc.array(
    fc.constantFrom(
      'a',
      '\n',
      '\r',
      '\r\n',
      ' ',
      '#',
      '*/',
      '/*',
      '; x = 1;',
      '}',
      '\u2028',
      "''",
      '"',
    ),
  )
  await fc.assert(
    fc.asyncProperty(said, said, async (first, second) => {
      const module = moduleText({
        header: first.join(''),
        sections: [{ title: 'x', assignments: [{ ...maxJobs, because: second.join('') }] }],
      })
      const value = await evaluate(`(${module}) { lib = { }; pkgs = { }; }`)
      expect(value).toEqual({ nix: { settings: { 'max-jobs': 1 } } })
    }),
    { numRuns: 30 },
  )
})

describe('the text', () => {
  const reason = { text: 'Why.', formula: '1 + 1 = 2', source: 'a book', check: 'free -h' }
  const body = (assignments: readonly Assignment[]) =>
    moduleText({
      header: 'h',
      sections: [
        { title: 't', assignments },
        { title: 'no', assignments: [] },
      ],
    })
      .split('\n')
      .slice(5, -2)
      .join('\n')

  test('a reason stands above its option, with arithmetic, source and a command whole', () => {
    expect(body([{ ...maxJobs, because: reason }])).toBe(
      '  # Why.\n  # 1 + 1 = 2\n  # Source: a book\n  # Check: free -h\n  nix.settings.max-jobs = 1;',
    )
  })

  test('options that share a reason share its comment', () => {
    const cores: Assignment = { path: ['nix', 'settings', 'cores'], value: 1, because: reason }
    expect(
      body([{ ...maxJobs, because: reason }, cores])
        .split('\n')
        .slice(-2),
    ).toEqual(['  nix.settings.max-jobs = 1;', '  nix.settings.cores = 1;'])
  })

  test('a suggestion is a comment in every line', () => {
    const path = ['nix', 'settings', 'substituters']
    const value = ['a'.repeat(60), 'b'.repeat(60)]
    const text = body([{ path, value, because: 'Later.', isSuggestion: true }])
    expect(text.split('\n').every((line) => line.startsWith('  #'))).toBe(true)
  })

  test('long reasons are wrapped, lines that begin with spaces stay whole', () => {
    const text = comment(`${'word '.repeat(40)}\n  ${'x'.repeat(120)}\n\nend`, '  ')
    expect(text.split('\n').map((line) => line.length <= 100)).toEqual([
      true,
      true,
      true,
      false,
      true,
      true,
    ])
  })

  test('lines end where Nix ends them, also those that stay whole', () => {
    expect(comment('  a\rb\r\n  c\nd')).toBe('#   a\n# b\n#   c\n# d')
  })

  test('an option that NixOS does not have is a mistake of ours', () => {
    expect(() => body([{ path: ['nix', 'maxJobs'], value: 1 }])).toThrow(/no option nix\.maxJobs/)
  })

  test('the same option twice is a mistake of ours', () => {
    expect(() => body([maxJobs, maxJobs])).toThrow(/nix\.settings\.max-jobs is set twice/)
  })
})

describe('options are held against the list', () => {
  test.each<[string[], NixValue]>([
    [['nix', 'settings', 'max-jobs'], 'auto'],
    [['nix', 'settings', 'max-jobs'], mkDefault(0)],
    [['boot', 'kernel', 'sysctl', 'vm.swappiness'], mkIf(true, 180)],
    [['nix', 'optimise', 'dates'], mkMerge([['weekly'], mkDefault(['daily'])])],
    [['networking', 'firewall', 'interfaces', 'enp2s0', 'allowedTCPPorts'], [5000]],
    [['nix', 'buildMachines'], [{ hostName: 'a', systems: ['x86_64-linux'], maxJobs: 1 }]],
  ])('%j may be %j', (path, value) => {
    expect(() => checkOption(path, value)).not.toThrow()
  })

  test.each<[string[], NixValue, RegExp]>([
    [['nix', 'maxJobs'], 1, /no option nix\.maxJobs/],
    [['nix', 'settings', 'max-job'], 1, /no option nix\.settings\.max-job/],
    [['nix', 'settings', 'max-jobs'], 'many', /takes a whole number or "auto"/],
    [['nix', 'settings', 'cores'], 1.5, /takes a whole number/],
    [['nix', 'settings', 'fallback'], mkDefault('true'), /takes a boolean/],
    [['nix', 'optimise', 'dates'], 'weekly', /takes a list of strings/],
    [['nix', 'settings', 'cores'], mkMerge([1, mkDefault('2')]), /takes a whole number/],
    [['nix', 'gc', 'dates'], 'a\nb', /one line/],
    [['nix', 'daemonCPUSchedPolicy'], 'realtime', /one of other, batch, idle/],
    [['services', 'narwhal', 'memoryMax'], '1 GiB', /size of systemd/],
    [['networking', 'firewall', 'interfaces', 'a', 'allowedTCPPorts'], [70_000], /ports/],
    [['nix', 'buildMachines'], [{ hostName: 'a', host: 'b' }], /build machines/],
    [['nix', 'buildMachines'], [{ maxJobs: 1 }], /build machines/],
  ])('%j must not be %j', (path, value, message) => {
    expect(() => checkOption(path, value)).toThrow(message)
  })
})
