import type { Diagnosis } from '../../advice/diagnosis.ts'
import type { Machine } from '../../advice/machine.ts'
import { formatShare } from '../../advice/rates.ts'
import type { Slowness } from '../../advice/slowness.ts'
import {
  alternativeLines,
  headingLines,
  paintOut,
  statementLines,
  wrap,
} from '../sidecar/print-advice.ts'

/** The way to a bottleneck, for people: look, find, change one thing, measure before and after. */
export function slownessLines(
  slowness: Slowness,
  { machine, bottlenecks }: Pick<Diagnosis, 'machine' | 'bottlenecks'>,
): string[] {
  const { part, statement, actions, measure, unknown } = slowness
  const others = part === undefined ? [] : bottlenecks.filter((other) => other.part !== part)
  return [
    ...headingLines('1. Look: does anybody wait?'),
    ...looked(machine, part).map(([what, seen, isWorst]) => {
      const line = `  ${what.padEnd(10)}${seen}`
      return isWorst ? paintOut('red', `${line}  ← here`) : line
    }),
    ...headingLines('2. Find: what it is'),
    ...statementLines(statement),
    ...headingLines('3. Change one thing, in this order'),
    ...actions.flatMap((action) => alternativeLines(action)),
    ...headingLines('4. Measure before and after each change'),
    ...measure.flatMap(({ what, command, target }) => [
      ...wrap(`${what}: ${target}`, { indent: '    ', first: '  • ' }),
      ...wrap(command, { indent: '      ', first: '    ' }).map((line) => paintOut('dim', line)),
    ]),
    ...wrap('narwhal experiment start, measure, keep or revert does this and writes it down.', {
      indent: '  ',
    }).map((line) => paintOut('dim', line)),
    ...(others.length === 0
      ? []
      : [
          ...headingLines('Still slow? What comes after it'),
          ...others.flatMap((other) => statementLines(other.statement, { isBrief: true })),
        ]),
    ...(unknown.length === 0
      ? []
      : [
          ...headingLines('Not seen, so it may be the reason all the same'),
          ...unknown.flatMap((one) => [
            ...wrap(one.text, { indent: '    ', first: '  • ' }),
            ...wrap(`check: ${one.check}`, { indent: '      ', first: '    ' }).map((line) =>
              paintOut('dim', line),
            ),
          ]),
        ]),
  ]
}

type Look = readonly [what: string, seen: string, isWorst: boolean]

function looked({ troubles, links, measured }: Machine, worst: Slowness['part']): Look[] {
  const share = (what: string, value: number | undefined) =>
    value === undefined ? '' : `${what} ${formatShare(value)}`
  const say = (...parts: string[]) => parts.filter(Boolean).join(', ') || 'not known'
  const kills = troubles.oomKills === undefined ? '' : `${troubles.oomKills} OOM kills`
  const [link] = links
  const loss = measured.linkLoss === undefined ? '' : `lost ${formatShare(measured.linkLoss)}`
  return [
    ['memory', say(share('waited for', troubles.memoryPressure), kills), worst === 'memory'],
    [
      'disk',
      say(share('waited for', troubles.ioPressure), share('at work', troubles.diskUtilization)),
      worst === 'disk',
    ],
    [
      'network',
      say(link?.kind ?? '', link?.isUp === false ? 'down' : '', loss),
      worst === 'network',
    ],
    [
      'processor',
      say(share('waited for', troubles.cpuPressure), share('at work', troubles.cpuUtilization)),
      worst === 'cpu',
    ],
  ]
}
