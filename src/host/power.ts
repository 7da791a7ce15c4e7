import {
  listSystemDirectory,
  readSystemFile,
  type SystemRoots,
  systemRoots,
} from './system-files.ts'

/**
 * Says whether the machine lives on its battery: the kernel's power supply class
 * (docs.kernel.org/power/power_supply_class.html).
 *
 * @returns true with a battery and no other source that gives power, false when one does; undefined
 *   where there is nothing to tell by
 */
export function readOnBattery(roots: SystemRoots = systemRoots): boolean | undefined {
  const supplies = listSystemDirectory(roots.sys, 'class/power_supply').map((name) => {
    const read = (file: string) =>
      readSystemFile(roots.sys, 'class/power_supply', name, file)?.trim()
    // A mouse has a battery too, of scope "Device"
    return { type: read('type'), isOwn: read('scope') !== 'Device', read }
  })
  const sources = supplies.filter(({ type, isOwn }) => isOwn && isSource(type))
  if (sources.some(({ read }) => isOn(read('online')))) return false
  const batteries = supplies.filter(({ type, isOwn }) => isOwn && type === 'Battery')
  if (batteries.length === 0) return undefined
  if (sources.some(({ read }) => read('online') === '0')) return true
  // Some machines show a battery alone: then that tells, when it discharges.
  const states = batteries.map(({ read }) => read('status'))
  if (states.includes('Discharging')) return true
  return states.some((state) => state === 'Charging' || state === 'Full') ? false : undefined
}

/** Mains, and the chargers of USB in their kinds: USB, USB_C, USB_PD, … */
function isSource(type: string | undefined): boolean {
  return type === 'Mains' || type === 'Wireless' || (type?.startsWith('USB') ?? false)
}

/** USB knows 1 for a fixed voltage and 2 for a programmable one. */
function isOn(online: string | undefined): boolean {
  return online === '1' || online === '2'
}
