import { findBottlenecks } from '../bottlenecks.ts'
import type { Machine } from '../machine.ts'
import { buildSlots } from '../slots.ts'
import type { Alternative } from '../verdict.ts'

const most = 6

/** What helps this machine and costs nothing, what helps most first. Never empty. */
export function freeMeasures(machine: Machine): [Alternative, ...Alternative[]] {
  const own = [fewerJobs(machine), fromHost(machine)].flatMap((text) => text ?? [])
  const known = findBottlenecks(machine)
    .flatMap(({ actions }) => actions)
    .filter(({ kind, cost }) => kind === 'workaround' && !cost?.includes('$'))
  const found = [...own.map(free), ...known]
  const once = found.filter(({ text }, at) => found.findIndex((one) => one.text === text) === at)
  const [first = fitSettings, ...others] = [...once.slice(0, most - 1), fitSettings]
  return [first, ...others]
}

const fitSettings: Alternative = free(
  'Let the settings fit the machine: narwhal generate-config --auto; measure before and after.',
)

function free(text: string): Alternative {
  return { kind: 'workaround', text, cost: 'nothing' }
}

/** nix.conf as it is, held against the memory there is. */
function fewerJobs(machine: Machine): string | undefined {
  const { nixSettings } = machine.system
  const { threads } = machine.cpu
  const jobs = nixSettings['max-jobs'] === 'auto' ? threads : Number(nixSettings['max-jobs'])
  const cores = Number(nixSettings.cores) || threads
  const { count } = buildSlots(machine)
  const processes = jobs * cores
  if (!Number.isFinite(processes) || processes <= count) return undefined
  const wanted = count === 0 ? 'max-jobs = 0' : `max-jobs × cores of at most ${count}`
  return `nix.conf allows ${jobs} × ${cores} = ${processes} compile processes, and there is room for ${count}: set ${wanted}.`
}

function fromHost({ system, memory }: Machine): string | undefined {
  if (system.virtualization === 'vm')
    return 'If the host is yours, give this machine more memory or cores there.'
  if (system.virtualization === 'container' || memory.isLimited)
    return 'Raise the limit of the container or control group (MemoryMax, CPUQuota), if its host has more.'
  return undefined
}
