import type { CriterionCheck } from '../../advice/criteria.ts'
import type { Diagnosis } from '../../advice/diagnosis.ts'
import type { Gap } from '../../advice/gaps.ts'
import { bottleneckLines, columns, headingLines, paintOut, wrap } from '../sidecar/print-advice.ts'
import { machineRows, type Row } from './machine-rows.ts'
import { slownessLines } from './slowness-lines.ts'

/** A diagnosis for people, at 80 columns. */
export function diagnosisLines(diagnosis: Diagnosis, measured: readonly string[] = []): string[] {
  const { machine, source, gaps, bottlenecks, slowness } = diagnosis
  const [, ...machineLines] = [
    ...headingLines(`Machine: ${source}`),
    ...rowLines(machineRows(machine)),
  ]
  const advice =
    slowness === undefined
      ? [
          ...headingLines('What holds it back, worst first'),
          ...(bottlenecks.length === 0
            ? ['  nothing that is known']
            : bottlenecks.flatMap((bottleneck) => bottleneckLines(bottleneck))),
          ...recommendationLines(diagnosis),
          ...criteriaLines(diagnosis.criteria),
        ]
      : slownessLines(slowness, diagnosis)
  return [...machineLines, ...measured, ...gapLines(gaps), ...advice, ...endLines(diagnosis)]
}

/** Labels in a column of their own; what does not fit in a line goes on in the next. */
function rowLines(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length)) + 2
  return rows.flatMap(([label, ...lines]) =>
    lines
      .filter((line) => line !== '')
      .flatMap((line, at) => {
        const blank = ' '.repeat(width + 2)
        const [first = '', ...rest] = wrap(line, {
          indent: `${blank}  `,
          first: blank,
          width: columns,
        })
        const shown = `  ${paintOut('dim', (at === 0 ? label : '').padEnd(width))}`
        return [`${shown}${first.slice(width + 2)}`, ...rest]
      }),
  )
}

function gapLines(gaps: readonly Gap[]): string[] {
  if (gaps.length === 0) return []
  return [
    ...headingLines('Not seen'),
    ...gaps.flatMap(({ what, why, check }) => [
      ...wrap(`${what}: ${why}.`, { indent: '    ', first: '  • ' }),
      ...wrap(`check: ${check}`, { indent: '      ', first: '    ' }).map(dim),
    ]),
  ]
}

function recommendationLines({ recommendations, machine }: Diagnosis): string[] {
  const lines = recommendations.flatMap(({ key, now, advised, because }, at) => {
    const change = now === undefined || now === '' ? '' : ` (now: ${now})`
    const what = key === undefined ? `${advised}` : `${key} = ${advised}`
    const head = wrap(`${what}${change}`, { indent: '    ', first: '  • ' })
    // Several settings may have one reason: it stands under the last of them.
    if (recommendations[at + 1]?.because === because) return head
    return [...head, ...wrap(because.text, { indent: '    ' }).map(dim)]
  })
  const isForeign =
    !machine.system.isNixos && recommendations.some(({ key }) => key?.includes('.') === true)
  const end = [
    ...(isForeign
      ? ['Names with dots are options of NixOS; elsewhere its own tools set the same.']
      : []),
    'All settings with their reasons: narwhal generate-config --auto. What the machine is enough for: narwhal assess.',
  ]
  const none = '  nothing of what can be seen needs changing'
  return [
    ...headingLines('Worth changing here'),
    ...(lines.length > 0 ? lines : [none]),
    ...end.flatMap((line) => wrap(line, { indent: '  ' })).map(dim),
  ]
}

const marks = { met: '[x]', missed: '[ ]', unknown: '[?]' } as const
const markStyles = { met: 'green', missed: 'red', unknown: 'yellow' } as const

function criteriaLines(criteria: readonly CriterionCheck[]): string[] {
  return [
    ...headingLines('A well-kept cache: met [x], missed [ ], not shown by the machine [?]'),
    ...criteria.flatMap(({ id, name, state, statement }) => {
      const label = `${marks[state]} ${id} ${name}: `
      const [first = '', ...rest] = wrap(`${label}${statement.text}`, {
        indent: '         ',
        first: '  ',
      })
      const check = state === 'met' ? [] : [`check: ${statement.check}`]
      return [
        first.replace(marks[state], (mark) => paintOut(markStyles[state], mark)),
        ...rest,
        ...check
          .flatMap((line) => wrap(line, { indent: '           ', first: '         ' }))
          .map(dim),
      ]
    }),
  ]
}

function endLines({ needsAction, bottlenecks }: Diagnosis): string[] {
  const faults = bottlenecks.filter(({ severity }) => severity === 'fault').length
  if (!needsAction) return ['', paintOut('green', 'Nothing is wrong now.')]
  const what = faults === 1 ? '1 thing is' : `${faults} things are`
  return ['', paintOut('red', `${what} wrong now and ${faults === 1 ? 'needs' : 'need'} action.`)]
}

function dim(line: string): string {
  return paintOut('dim', line)
}
