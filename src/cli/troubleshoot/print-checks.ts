import { cleanAll, type Paint, type Style } from '../display/text.ts'
import { wrap } from '../sidecar/print-advice.ts'
import type { Check, CheckReport, CheckState } from './check.ts'

const states: Readonly<Record<CheckState, { word: string; style: Style }>> = {
  ok: { word: 'ok', style: 'green' },
  warning: { word: 'warning', style: 'yellow' },
  fault: { word: 'FAULT', style: 'red' },
  unchecked: { word: 'not seen', style: 'dim' },
}
const stateColumns = 10
const nameColumns = 14

/** All checks for people: what was seen, and beneath it what to do. */
export function formatChecks(dirty: CheckReport, paint: Paint): string {
  // Caches and names on the network have their say in it.
  const report = cleanAll(dirty)
  const indent = ' '.repeat(stateColumns + nameColumns)
  const lines = [`${paint('bold', report.url)} (${report.urlFrom})`, '']
  for (const check of report.checks) {
    const { word, style } = states[check.state]
    const [first = '', ...others] = wrap(check.seen, { indent })
    const head = paint(style, word.padEnd(stateColumns)) + check.name.padEnd(nameColumns)
    lines.push(head + first.slice(indent.length), ...others, ...adviceOf(check, paint))
  }
  const count = (state: CheckState) => report.checks.filter((one) => one.state === state).length
  const faults = count('fault')
  const sum = [
    faults === 1 ? '1 fault' : `${faults} faults`,
    count('warning') === 1 ? '1 warning' : `${count('warning')} warnings`,
    `${count('ok')} ok`,
    `${count('unchecked')} not seen`,
  ].join(', ')
  return [...lines, '', `${sum}, in ${report.seconds.toFixed(1)} s`].join('\n')
}

function adviceOf({ todo, lines = [], symptom }: Check, paint: Paint): string[] {
  const pad = ' '.repeat(stateColumns)
  return [
    ...(todo === undefined ? [] : wrap(todo, { indent: `${pad}  `, first: `${pad}> ` })),
    // Never broken: they are to be pasted.
    ...lines.map((line) => `${pad}    ${paint('cyan', line)}`),
    ...(symptom === undefined
      ? []
      : [`${pad}  ${paint('dim', `narwhal troubleshoot ${symptom}`)}`]),
  ]
}
