import { expect, test } from 'vitest'
import { readOnBattery } from '../../src/host/power.ts'
import { systemWith } from './fixture-tree.ts'

interface Supply {
  readonly type?: string
  readonly online?: string
  readonly status?: string
  readonly scope?: string
}

const mains = (online: string) => ({ type: 'Mains', online })
const battery = (status?: string) => ({ type: 'Battery', ...(status && { status }) })
const mouse = { type: 'Battery', status: 'Discharging', scope: 'Device' }

test.each<[string, readonly Supply[], boolean | undefined]>([
  ['no supplies', [], undefined],
  ['a plug without a battery', [mains('0')], undefined],
  ['a plug in use without a battery', [mains('1')], false],
  ['a laptop on its plug', [battery('Charging'), mains('1')], false],
  ['a laptop that its plug cannot keep up with', [battery('Discharging'), mains('1')], false],
  ['a laptop without its plug', [battery('Discharging'), mains('0')], true],
  ['a laptop of two batteries without its plug', [battery(), battery(), mains('0')], true],
  ['a charger on one of two ports', [battery(), usb('0'), usb('1')], false],
  ['a charger that chooses its voltage', [battery(), usb('2')], false],
  ['no charger on its ports', [battery(), usb('0'), usb('0')], true],
  ['a battery alone, discharging', [battery('Discharging')], true],
  ['a battery alone, charging', [battery('Charging')], false],
  ['a battery alone, full', [battery('Full')], false],
  ['a battery that does not know', [battery('Unknown')], undefined],
  ['a battery without any word', [battery()], undefined],
  ['the battery of a mouse', [mouse], undefined],
  ['the battery of a mouse at a desk', [mouse, mains('1')], false],
  ['a plug with an odd word', [battery(), mains('yes')], undefined],
])('%s', async (_, supplies, expected) => {
  const files: Record<string, string> = {}
  for (const [at, supply] of supplies.entries())
    for (const [file, text] of Object.entries(supply))
      files[`sys/class/power_supply/S${at}/${file}`] = `${text}\n`
  expect(readOnBattery(await systemWith(files))).toBe(expected)
})

function usb(online: string): Supply {
  return { type: 'USB_PD', online }
}
