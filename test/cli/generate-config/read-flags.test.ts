import { describe, expect, test } from 'vitest'
import { readFlags, type TypedFlags } from '../../../src/cli/generate-config/read-flags.ts'
import { isAppError } from '../../../src/errors.ts'

/** What is complained about. */
function mistakesIn(flags: TypedFlags): string {
  try {
    readFlags(flags)
  } catch (error) {
    if (isAppError(error, 'BAD_USAGE')) return error.message
    throw error
  }
  return ''
}

describe('what is typed is understood', () => {
  test.each([
    ['cache.lan', 'http://cache.lan:5000'],
    ['cache.lan:80', 'http://cache.lan'],
    ['192.168.1.20', 'http://192.168.1.20:5000'],
    ['[fd12::1]:5001', 'http://[fd12::1]:5001'],
    ['https://cache.example/', 'https://cache.example'],
  ])('--server-address %s is %s', (typed, url) => {
    expect(readFlags({ serverAddress: [typed] }).serverAddresses).toEqual([url])
  })

  test.each([
    ['builder.lan', { host: 'builder.lan', user: 'nix-builder' }],
    ['me@builder.lan', { host: 'builder.lan', user: 'me' }],
    ['ssh-ng://me@10.0.0.2', { host: '10.0.0.2', user: 'me' }],
  ])('--distributed %s', (typed, machine) => {
    expect(readFlags({ distributed: typed }).buildMachine).toEqual({
      ...machine,
      maxJobs: undefined,
    })
    const { buildMachine } = readFlags({ distributed: typed, distributedJobs: '8' })
    expect(buildMachine).toEqual({ ...machine, maxJobs: 8 })
  })

  test('nothing is nothing', () => {
    expect(readFlags({})).toEqual({
      serverAddresses: [],
      upstreams: [],
      publicKeys: [],
      signingKeyFile: undefined,
      buildMachine: undefined,
    })
  })
})

describe('mistakes are named', () => {
  test.each<[TypedFlags, RegExp]>([
    [{ client: true }, /^--client: give the narwhal to substitute from/],
    [{ client: true, serverAddress: ['a'], upstream: ['https://b'] }, /are for the server/],
    [{ client: true, serverAddress: ['a'], signingKeyFile: '/k' }, /are for the server/],
    [{ upstream: ['nowhere'] }, /^--upstream: expected the address of a binary cache/],
    [{ upstream: ['https://a:b@c'] }, /^--upstream: holds credentials/],
    [{ serverAddress: ['http://a b'] }, /^--server-address: /],
    [{ serverAddress: ['a?priority=1'] }, /^--server-address: /],
    [{ publicKey: ['own-1:zz'] }, /^--public-key: "own-1:…" is no public key/],
    [{ signingKeyFile: 'key' }, /^--signing-key-file: give an absolute path/],
    [{ signingKeyFile: '/a b' }, /^--signing-key-file: give an absolute path/],
    [{ signingKeyFile: '/nix/store/abc-key' }, /everybody can read the store/],
    [{ distributed: '-oProxyCommand=x' }, /^--distributed: give a host/],
    [{ distributed: 'a; rm -rf /' }, /^--distributed: give a host/],
    [{ distributedJobs: '4' }, /^--distributed-jobs goes with --distributed/],
    [{ distributed: 'a', distributedJobs: '0' }, /^--distributed-jobs: give a whole number/],
  ])('%j', (flags, message) => {
    expect(mistakesIn(flags)).toMatch(message)
  })

  test('all of them at once', () => {
    const mistakes = mistakesIn({ client: true, publicKey: ['x', 'y'], distributed: '!' })
    expect(mistakes.split('\n')).toHaveLength(4)
  })

  test('a secret key given for a public one is not repeated', () => {
    const secret = Buffer.alloc(64, 7).toString('base64')
    expect(mistakesIn({ publicKey: [`own-1:${secret}`] })).not.toContain(secret.slice(0, 20))
  })
})
