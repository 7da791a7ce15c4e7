import { expect, test } from 'vitest'
import { readUpkeep } from '../../src/host/upkeep.ts'
import { hostWith } from './host-tree.ts'

const wants = 'etc/systemd/system/timers.target.wants'

test('finds the timers that run, what watches, and whether narwhal is started again', async () => {
  const roots = await hostWith({
    'run/systemd/system/x': '',
    [`${wants}/nix-gc.timer`]: '-> nowhere',
    [`${wants}/fstrim.timer`]: '-> nowhere',
    'etc/systemd/system/multi-user.target.wants/prometheus-node-exporter.service': '-> nowhere',
    'etc/systemd/system/multi-user.target.wants/sshd.service': '-> nowhere',
    'etc/systemd/system/narwhal.service': '[Service]\nRestart=always\n',
  })
  expect(readUpkeep(roots)).toEqual({
    collectsGarbage: true,
    trims: true,
    monitors: ['prometheus-node-exporter'],
    restartsNarwhal: true,
  })
})

test('where systemd runs, what it does not start is missing', async () => {
  const roots = await hostWith({
    'run/systemd/system/x': '',
    'etc/systemd/system/nix-gc.timer': 'there, but not wanted',
    'etc/systemd/system/narwhal.service': '[Service]\nRestart=no\n',
  })
  expect(readUpkeep(roots)).toEqual({
    collectsGarbage: false,
    trims: false,
    monitors: [],
    restartsNarwhal: false,
  })
})

test('without systemd it cannot be told: links that nobody reads say nothing', async () => {
  const unknown = {
    collectsGarbage: undefined,
    trims: undefined,
    monitors: undefined,
    restartsNarwhal: undefined,
  }
  expect(readUpkeep(await hostWith({ 'etc/x': '' }))).toEqual(unknown)
  expect(readUpkeep(await hostWith({ [`${wants}/nix-gc.timer`]: '-> nowhere' }))).toEqual(unknown)
})
