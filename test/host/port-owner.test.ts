import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { ownerOfPort } from '../../src/host/port-owner.ts'
import { atTestEnd } from '../support/at-test-end.ts'
import { systemWith } from './fixture-tree.ts'

const onLinux = test.skipIf(process.platform !== 'linux')

onLinux('names the process that listens on a port, over IPv4 and IPv6', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer().listen(0, host)
    atTestEnd(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(ownerOfPort(port)).toMatchObject({ pid: process.pid })
    server.close()
    await once(server, 'close')
    expect(ownerOfPort(port)).toBeUndefined()
  }
})

test('a process that is not ours to see is still somebody', async () => {
  const line =
    '0: 00000000:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0'
  const connected =
    '1: 00000000:1389 0100007F:0001 01 00000000:00000000 00:00000000 00000000 0 0 4712 1 0'
  const roots = await systemWith({
    'proc/net/tcp': `  sl  local_address\n   ${line}\n   ${connected}\n`,
  })
  expect(ownerOfPort(5000, roots)).toEqual({ pid: undefined, program: undefined })
  expect(ownerOfPort(5001, roots)).toBeUndefined()
})

test('where there is no /proc nobody is known to listen', async () => {
  expect(ownerOfPort(5000, await systemWith({}))).toBeUndefined()
})
