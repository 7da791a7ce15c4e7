import { isAppError } from '../../errors.ts'
import { cleanAll } from '../display/text.ts'
import { fetchStatus } from '../status/fetch-status.ts'
import { type Check, fault, ok, unchecked, warning } from './check.ts'

const symptoms: Readonly<Record<string, string>> = {
  stopping: 'server-down',
  'all-upstreams-down': 'upstream-away',
  'upstream-down': 'upstream-away',
  'disk-unwritable': 'disk-full',
  'disk-below-floor': 'disk-full',
  'index-rebuilding': 'index-lost',
}
const faults = new Set(['stopping', 'all-upstreams-down', 'disk-unwritable'])

/** What a narwhal says of itself and its upstreams; other caches have no such page. */
export async function checkStatus(url: URL, timeoutMs: number): Promise<Check> {
  const name = 'status'
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  plain.search = ''
  try {
    const { report } = await fetchStatus(plain, timeoutMs)
    const { notes, upstreams, version, state } = cleanAll(report)
    if (notes.length === 0) {
      const names = upstreams.map((upstream) => upstream.name).join(', ') || 'nothing'
      return ok(name, `narwhal ${version}, ${state}; upstreams that answer: ${names}.`)
    }
    const worst = notes.find(({ code }) => faults.has(code)) ?? notes[0]
    const seen = `narwhal ${version}, ${state}: ${notes.map(({ message }) => message).join('; ')}.`
    const more = { todo: 'See narwhal status, and its log.', symptom: symptoms[worst?.code ?? ''] }
    const judge = notes.some(({ code }) => faults.has(code)) ? fault : warning
    return judge(
      name,
      seen,
      more.symptom === undefined ? { todo: more.todo } : { ...more, symptom: more.symptom },
    )
  } catch (error) {
    if (!isAppError(error, 'NO_SERVER')) throw error
    return unchecked(name, 'It has no /api/v1/status of narwhal: another kind of cache.')
  }
}
