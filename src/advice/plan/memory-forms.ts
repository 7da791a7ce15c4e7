import type { Machine } from '../machine.ts'
import { type MemoryForm, memoryForms } from './part.ts'

type Generation = 'ddr3' | 'ddr4' | 'ddr5'

/** Which modules go with a processor, as its maker's data sheets have it; the first match counts. */
const generations: readonly { readonly model: RegExp; readonly takes: readonly Generation[] }[] = [
  { model: /Core\(TM\) i[3579]-[2345]\d{3}/, takes: ['ddr3'] },
  { model: /Core\(TM\) i[3579]-([6789]\d{3}|1[01]\d{3})/, takes: ['ddr4'] },
  { model: /Core\(TM\) i[3579]-1[234]\d{3}/, takes: ['ddr4', 'ddr5'] },
  { model: /Core\(TM\) Ultra/, takes: ['ddr5'] },
  { model: /(Pentium|Celeron).* G([12]\d|3\d)\d{2}/, takes: ['ddr3'] },
  { model: /(Pentium|Celeron).* G[4-6]\d{3}/, takes: ['ddr4'] },
  { model: /\bN(95|97|100|150|200|305)\b/, takes: ['ddr4', 'ddr5'] },
  { model: /(Celeron|Pentium).* [JN][34]\d{3}/, takes: ['ddr3', 'ddr4'] },
  { model: /Ryzen [3579] (PRO )?[1-5]\d{3}/, takes: ['ddr4'] },
  { model: /Ryzen [3579] (PRO )?[6-9]\d{3}/, takes: ['ddr5'] },
]

/** Names of processors that sit in laptops: their memory is small, or soldered. */
const mobile = /i[3579]-\d{4,5}(M|U|H|HQ|QM|Y|G\d)\b|Ryzen [3579] (PRO )?\d{4}(U|H|HS|HX)\b/

/** Servers: registered modules with ECC, which are another thing altogether. */
const server = /Xeon|EPYC|Opteron|Neoverse|Altra|ThunderX/

/** Why memory cannot be added; undefined when it can, or might. */
export function memoryObstacle(machine: Machine): string | undefined {
  const { cpu, memory, system } = machine
  if (system.virtualization === 'vm')
    return 'this is a virtual machine: its memory is what its host gives it'
  if (system.virtualization === 'container' || memory.isLimited)
    return 'a limit of its host or control group sets the memory, not the modules'
  if (server.test(cpu.model ?? ''))
    return 'servers take registered ECC modules, of which the price table has none'
  if (/^arm/.test(cpu.architecture ?? '') || /Cortex/.test(cpu.model ?? ''))
    return 'boards with such a processor have their memory soldered on'
  return undefined
}

/** The forms of module that may fit; all of them where the processor tells nothing. */
export function likelyForms({ cpu }: Machine): readonly MemoryForm[] {
  const model = cpu.model ?? ''
  const takes = generations.find((row) => row.model.test(model))?.takes
  return memoryForms.filter((form) => {
    const [generation, size] = form.split('-') as [Generation, string]
    return (takes?.includes(generation) ?? true) && (size === 'sodimm' || !mobile.test(model))
  })
}
