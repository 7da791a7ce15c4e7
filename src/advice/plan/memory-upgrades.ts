import { formatSize } from '../../units.ts'
import type { Machine } from '../machine.ts'
import type { Statement } from '../verdict.ts'
import { likelyForms, memoryObstacle } from './memory-forms.ts'
import type { MemoryForm, MemoryPart, Part } from './part.ts'
import { priceOf, seenMemory, type Upgrade } from './upgrade.ts'

/** All sizes of memory this machine could be given; none where memory cannot be added. */
export function memoryUpgrades(
  machine: Machine,
  parts: readonly Part[],
  form?: MemoryForm | undefined,
): Upgrade[] {
  if (memoryObstacle(machine) !== undefined) return []
  const forms = form === undefined ? likelyForms(machine) : [form]
  const fitting = parts.filter(
    (part): part is MemoryPart => part.kind === 'memory' && forms.includes(part.form),
  )
  const sizes = [...new Set(fitting.map(({ totalBytes }) => totalBytes))].sort((a, b) => a - b)
  return sizes
    .filter((bytes) => seenMemory(bytes) > machine.memory.totalBytes)
    .map((bytes) => {
      const options = fitting.filter(({ totalBytes }) => totalBytes === bytes)
      const choices = [{ options: options as [MemoryPart, ...MemoryPart[]] }]
      return {
        place: 'memory',
        title: `memory to ${formatSize(bytes)}`,
        priceCents: priceOf(choices),
        parts: choices,
        change: { memoryBytes: seenMemory(bytes) },
        cautions: cautions(options, bytes),
        steps: steps(bytes),
      }
    })
}

function cautions(options: readonly MemoryPart[], bytes: number): Statement[] {
  const forms = [
    ...new Set(
      options.map(({ form }) =>
        form
          .toUpperCase()
          .replace('-SO', ' SO-')
          .replace('-DIMM', ' DIMM')
          .replace('SO DIMM', 'SO-DIMM'),
      ),
    ),
  ]
  const kinds: Statement = {
    text:
      forms.length === 1
        ? `It must take ${forms[0]} modules, in slots: some laptops and small machines have memory soldered on.`
        : `Which of ${forms.join(', ')} fits is not known, nor whether memory is soldered on ("Form Factor: Row Of Chips"); reckoned with the dearest.`,
    source: 'the SMBIOS table of this machine; Linux does not tell it without root',
    check: 'sudo dmidecode -t 17 | grep -E "Form Factor|Type:|Size|Locator"',
  }
  const most: Statement = {
    text: `The board must allow ${formatSize(bytes)} in all; how much it allows is not known here.`,
    source: 'the SMBIOS table, which can be wrong; the manual of the board is right',
    check: 'sudo dmidecode -t 16 | grep -E "Maximum Capacity|Number Of Devices"',
  }
  return [kinds, most]
}

function steps(bytes: number): string[] {
  return [
    'Shut down, unplug, swap the modules; keep the old ones until the new ones are tested.',
    'Boot a memory test (memtest86+) for one pass: bad memory damages stores silently.',
    `See that Linux has it: grep MemTotal /proc/meminfo (about ${formatSize(seenMemory(bytes))}).`,
  ]
}
