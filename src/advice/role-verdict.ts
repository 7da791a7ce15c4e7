import { formatSize, GiB } from '../units.ts'
import { bandOf, bandStatement, memoryCheck } from './bands.ts'
import { memoryPressureShare } from './bottlenecks/memory.ts'
import { figures } from './figures.ts'
import { heavyStatement } from './heavy-packages.ts'
import type { Machine } from './machine.ts'
import { budgetStatement, memoryBudget } from './memory-budget.ts'
import { formatShare } from './rates.ts'
import type { Role } from './roles.ts'
import { buildSlots, optInJob } from './slots.ts'
import { mainDisk, minFreeShare, usableBytes } from './speeds.ts'
import { evaluationStatement } from './system/evaluation.ts'
import { howToSeeSlots } from './upgrade.ts'
import { busyShare } from './upgrade-need.ts'
import type { Alternative, Reasons, Statement, Verdict } from './verdict.ts'
import { canHaveZram, zramPercent } from './zram.ts'

/** Narwhal alone with a kernel and a few services, nothing packed anew. */
const leastProxyBytes = 0.4 * GiB
/** Own builds are never evicted, so the disk must hold them all. */
const leastOwnBytes = 20 * GiB
const leastCacheBytes = 5 * GiB
const leastBuildRoomBytes = 20 * GiB

const questions: Readonly<Record<Role, string>> = {
  proxy: 'Can this machine be a proxy in front of other caches?',
  cache: 'Can this machine keep and serve the builds of others?',
  builder: 'Can this machine build?',
}

/** Whether a machine is enough for a role; the memory decides, the disk may set conditions. */
export function judgeRole(machine: Machine, role: Role): Verdict {
  const verdict =
    role === 'builder'
      ? judgeBuilder(machine)
      : role === 'cache'
        ? judgeCache(machine)
        : judgeProxy(machine)
  return withConditions(verdict, [...troubleConditions(machine), ...diskConditions(machine, role)])
}

function judgeProxy(machine: Machine): Verdict {
  const question = questions.proxy
  const { totalBytes } = machine.memory
  const need = memoryNeed(machine, 'proxy')
  if (totalBytes < leastProxyBytes)
    return {
      question,
      answer: 'no',
      because: [
        {
          text: `${formatSize(totalBytes)} of memory are less than narwhal with its system needs.`,
          formula: `${formatSize(totalBytes)} < 0.2 GiB narwhal + 0.2 GiB system = ${formatSize(leastProxyBytes)}`,
          source: 'bench/RESULTS.md: 118 MiB idle, 145 to 195 MiB under load',
          check: memoryCheck,
        },
      ],
      instead: [
        {
          kind: 'alternative',
          text: 'Serve a ready cache as plain files (nginx on a directory that nix copy has filled).',
          cost: 'nothing is fetched on demand',
        },
        { kind: 'upgrade', text: 'Any machine with 1 GB or more.' },
      ],
    }
  if (bandOf(totalBytes).name === 'experimental')
    return {
      question,
      answer: 'yes, if',
      because: [bandStatement(totalBytes), need],
      conditions: [
        'it is an experiment: few clients, and nothing else of weight runs here',
        'nothing is built here, not even its own system (nixos-rebuild --target-host)',
      ],
    }
  return { question, answer: 'yes', because: [bandStatement(totalBytes), need] }
}

function judgeCache(machine: Machine): Verdict {
  const question = questions.cache
  const { totalBytes } = machine.memory
  const band = bandOf(totalBytes).name
  const need = memoryNeed(machine, 'cache')
  if (band === 'experimental')
    return {
      question,
      answer: 'no',
      because: [
        bandStatement(totalBytes),
        {
          text: 'What is kept here exists nowhere else; a machine that runs out of memory while it checks what is pushed is no place for it.',
          source: 'docs/operating.md, data directory',
          check: memoryCheck,
        },
      ],
      instead: [
        { kind: 'workaround', text: 'Use it as a proxy only, and push to another machine.' },
        { kind: 'upgrade', text: 'A machine with 2 GB or more.', cost: 'narwhal plan --budget' },
      ],
    }
  if (band === 'proxy-only')
    return {
      question,
      answer: 'yes, if',
      because: [bandStatement(totalBytes), need],
      conditions: ['one machine pushes at a time; each NAR that comes is unpacked to be checked'],
    }
  return { question, answer: 'yes', because: [bandStatement(totalBytes), need] }
}

function judgeBuilder(machine: Machine): Verdict {
  const question = questions.builder
  const slots = buildSlots(machine)
  const heavy = heavyStatement(machine)
  if (slots.count === 0) return noBuilder(machine)
  const because: Reasons = [
    bandStatement(machine.memory.totalBytes),
    slots.because,
    ...(heavy ? [heavy] : []),
  ]
  const conditions = [
    ...(slots.count === 1 ? ['one package at a time with one process is fast enough'] : []),
    ...(needsZram(machine) ? ['zram is on'] : []),
    ...(heavy ? ['the largest packages come from a cache'] : []),
  ]
  const [first, ...rest] = conditions
  return first === undefined
    ? { question, answer: 'yes', because }
    : { question, answer: 'yes, if', because, conditions: [first, ...rest] }
}

/** A build that takes more than its share must not end in a kill. */
function needsZram(machine: Machine): boolean {
  const { totalBytes, zramBytes } = machine.memory
  return canHaveZram(machine) && zramBytes === 0 && bandOf(totalBytes).name !== 'builder'
}

/** "2 GB?": honest, why, workarounds, the way to 8 GB, and what the machine is good for. */
function noBuilder(machine: Machine): Verdict {
  const question = questions.builder
  const { totalBytes } = machine.memory
  const { buildJobBytes, systemBytes, proxyBytes } = figures
  const least = systemBytes.value + proxyBytes.value + buildJobBytes.value
  const slots = buildSlots(machine)
  const { isNixos, distribution } = machine.system
  const evaluates = isNixos || distribution === undefined
  const evaluation = evaluates ? evaluationStatement(machine) : undefined
  const optIn = optInJob(machine)
  const honest: Statement = {
    text: `${formatSize(totalBytes)} are below the ${formatSize(least)} that one compile process needs beside system and narwhal.`,
    formula: `${formatSize(systemBytes.value)} + ${formatSize(proxyBytes.value)} + ${formatSize(buildJobBytes.value)} = ${formatSize(least)} > ${formatSize(totalBytes)}`,
    source: buildJobBytes.source,
    check: memoryCheck,
  }
  const workarounds: Alternative[] = optIn
    ? [
        {
          kind: 'workaround',
          text: optIn.text,
          cost: 'such builds take many times as long',
        },
        {
          kind: 'workaround',
          text: `zram of ${zramPercent(totalBytes)} % of memory, packed with zstd, before any swap on a disk.`,
        },
        {
          kind: 'workaround',
          text: 'Small packages only: scripts, configuration, C. Browsers, compilers, kernels and large C++ fail.',
        },
      ]
    : []
  const [first, ...others] = [...workarounds, toEight(machine), serveOnly(machine)] as const
  return {
    question,
    answer: 'no',
    because: [honest, slots.because, ...(evaluation ? [evaluation] : [])],
    instead: [first, ...others],
  }
}

function toEight(machine: Machine): Alternative {
  return {
    kind: 'upgrade',
    text: `To 8 GB of memory: ${slotsWith(machine, 8)} at a time; 4 GB hold ${slotsWith(machine, 4)}. Whether it can grow: ${howToSeeSlots(machine)}.`,
    cost: 'narwhal plan --budget 100 prices it',
  }
}

function serveOnly({ memory }: Machine): Alternative {
  return {
    kind: 'alternative',
    text:
      bandOf(memory.totalBytes).name === 'experimental'
        ? 'Build elsewhere; this machine is at best an experimental proxy.'
        : 'Proxy only, for which this machine is enough; build elsewhere (builders in nix.conf; nixos-rebuild --target-host).',
  }
}

function slotsWith(machine: Machine, gib: number): string {
  const memory = { ...machine.memory, totalBytes: gib * GiB }
  const { count } = buildSlots({ ...machine, memory })
  return `${count} compile ${count === 1 ? 'process' : 'processes'}`
}

function memoryNeed(machine: Machine, role: Role): Statement {
  return budgetStatement(memoryBudget(machine, role))
}

/** A machine that is short now is short of it for narwhal too. */
function troubleConditions({ troubles }: Machine): string[] {
  const { oomKills, memoryPressure, diskUtilization } = troubles
  const isShort = (oomKills ?? 0) > 0 || (memoryPressure ?? 0) >= memoryPressureShare
  return [
    ...(isShort
      ? ['what takes the memory now is found and held to less: processes wait for it or are killed']
      : []),
    ...((diskUtilization ?? 0) >= busyShare
      ? [`the disk, at work ${formatShare(diskUtilization ?? 0)} of the time, gets less to do`]
      : []),
  ]
}

/** What the disk must fulfil first, whatever the memory allows. */
function diskConditions(machine: Machine, role: Role): string[] {
  const disk = mainDisk(machine)
  if (!disk) return []
  const { freeBytes, totalBytes, isHealthy, kind } = disk
  const room = usableBytes(disk)
  const needed = { proxy: leastCacheBytes, cache: leastOwnBytes, builder: leastBuildRoomBytes }[
    role
  ]
  return [
    ...(isHealthy === false ? ['the failing disk is replaced first'] : []),
    ...(room !== undefined && room < needed
      ? [
          `room is made on the disk: ${formatSize(needed)} are wanted beside the ${formatSize((totalBytes ?? freeBytes ?? 0) * minFreeShare)} that always stay free (5 %), and ${formatSize(freeBytes ?? 0)} are free`,
        ]
      : []),
    ...(kind === 'tmpfs' ? ['data_dir is moved to a disk: this one is memory'] : []),
    ...(kind === 'sd' && role === 'cache'
      ? ['all that is only here is copied elsewhere too: SD cards fail without a warning']
      : []),
  ]
}

function withConditions(verdict: Verdict, conditions: readonly string[]): Verdict {
  const [first, ...rest] = conditions
  if (first === undefined || verdict.answer === 'no') return verdict
  if (verdict.answer === 'yes, if')
    return { ...verdict, conditions: [...verdict.conditions, first, ...rest] }
  return { ...verdict, answer: 'yes, if', conditions: [first, ...rest] }
}
