import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startNarwhal } from '../support/narwhal-process.ts'
import { mustRun, runProgram } from '../support/program-run.ts'
import { testWith } from '../support/programs.ts'
import { parseScrape } from '../support/prometheus.ts'
import { requestRaw } from '../support/raw-http.ts'
import { tempDir } from '../support/temp-dir.ts'

const root = join(import.meta.dirname, '../..')
const rulesFile = join(root, 'config/alert-rules.yml')
const promTest = testWith(['promtool'])
const env = { PATH: process.env.PATH ?? '' }

/** Every query of the dashboard, with Grafana's own variables filled in. */
async function dashboardQueries(): Promise<string[]> {
  const text = await readFile(join(root, 'config/grafana-dashboard.json'), 'utf8')
  const queries: string[] = []
  JSON.parse(text, (key, value) => {
    if (key === 'expr') queries.push(value)
    return value
  })
  return queries.map((query) => query.replace(/\$__(rate_interval|range)\b/g, '5m'))
}

async function ruleQueries(): Promise<string[]> {
  const text = await readFile(rulesFile, 'utf8')
  return [...text.matchAll(/^ +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/gm)].map(([, folded, plain]) =>
    (folded ?? plain ?? '').replace(/\s+/g, ' ').trim(),
  )
}

async function scrapeText(): Promise<string> {
  const narwhal = await startNarwhal({ upstreams: ['http://127.0.0.1:1'], trustedKeys: [] })
  return (await requestRaw(`${narwhal.url}/metrics`)).body.toString()
}

/** Each metric a query names, with the labels it selects or groups by. */
function metricsIn(query: string): { name: string; labels: string[] }[] {
  const groups = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(
    ([, names]) => names?.split(/, */) ?? [],
  )
  return [...query.matchAll(/\b(narwhal_[a-z_]+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', labels = '']) => ({
      name,
      labels: [...groups, ...[...labels.matchAll(/(\w+)(?:=|!)/g)].map(([, label]) => label ?? '')],
    }),
  )
}

test('the dashboard and the rules ask for metrics and labels that exist', async () => {
  const text = await scrapeText()
  const lines = [...text.matchAll(/^(narwhal_[a-z_]+)(?:\{(.*)\})? /gm)]
  const labelsOf = new Map<string, Set<string>>()
  for (const [, name = '', labels = ''] of lines) {
    const known = labelsOf.get(name) ?? new Set(['job', 'instance'])
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    labelsOf.set(name, known)
  }
  expect(parseScrape(text).families.size).toBeGreaterThan(30)
  const queries = [...(await dashboardQueries()), ...(await ruleQueries())]
  expect(queries.length).toBeGreaterThan(30)
  for (const query of queries) {
    for (const { name, labels } of metricsIn(query)) {
      expect([...labelsOf.keys()], query).toContain(name)
      for (const label of labels) expect([...(labelsOf.get(name) ?? [])], query).toContain(label)
    }
    const isOurs = metricsIn(query).length > 0 || query.startsWith('up{')
    expect(isOurs, query).toBe(true)
  }
})

test('docs/monitoring.md names every alert, and no other', async () => {
  const docs = await readFile(join(root, 'docs/monitoring.md'), 'utf8')
  const rules = await readFile(rulesFile, 'utf8')
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const named = [...docs.matchAll(/`(Narwhal\w+)`/g)].map(([, name]) => name)
  expect(named.toSorted()).toEqual(alerts.toSorted())
})

promTest('promtool finds nothing wrong with the metrics', async () => {
  const { code, stderr } = await runWithInput('promtool check metrics', await scrapeText())
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

promTest('promtool parses every rule and every query of the dashboard', async () => {
  await mustRun('promtool', ['check', 'rules', rulesFile], { env })
  const file = join(await tempDir('rules'), 'dashboard.yml')
  const rules = (await dashboardQueries()).map((expr, at) => ({ record: `query_${at}`, expr }))
  // Prometheus reads YAML, and JSON is YAML.
  await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  await mustRun('promtool', ['check', 'rules', file], { env })
})

promTest('alerts fire when they should, and are silent on a quiet day', async () => {
  const file = join(await tempDir('rules'), 'alerts.yml')
  const quiet = [
    ['up{job="narwhal",instance="a"}', '1x60'],
    ['narwhal_upstream_up{job="narwhal",instance="a",upstream="u"}', '1x60'],
    ['narwhal_requests_total{job="narwhal",instance="a",kind="nar",result="hit"}', '0+100x60'],
    ['narwhal_requests_total{job="narwhal",instance="a",kind="nar",result="failed"}', '0x60'],
    ['narwhal_hit_seconds_bucket{job="narwhal",instance="a",le="0.1"}', '0+100x60'],
    ['narwhal_hit_seconds_count{job="narwhal",instance="a"}', '0+100x60'],
    ['narwhal_storing{job="narwhal",instance="a"}', '1x60'],
  ] as const
  const trouble: Record<string, string> = {
    up: '0x60',
    narwhal_upstream_up: '0x60',
    narwhal_storing: '0x60',
    narwhal_hit_seconds_bucket: '0+90x60',
  }
  const troubled = quiet.map(([series, values]) => {
    const name = series.slice(0, series.indexOf('{'))
    return [series, series.includes('failed') ? '0+5x60' : (trouble[name] ?? values)] as const
  })
  const firing = [
    'NarwhalGone',
    'NarwhalUpstreamAway',
    'NarwhalAllUpstreamsAway',
    'NarwhalFailedRequests',
    'NarwhalSlowHits',
    'NarwhalDiskUnwritable',
  ]
  const testOf = (input: typeof quiet | typeof troubled, isFiring: boolean) => ({
    interval: '1m',
    input_series: input.map(([series, values]) => ({ series, values })),
    promql_expr_test: firing.map((alert) => ({
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
      eval_time: '55m',
      exp_samples: isFiring ? [{ labels: '{}', value: 1 }] : [],
    })),
  })
  const tests = [testOf(quiet, false), testOf(troubled, true)]
  await writeFile(
    file,
    JSON.stringify({ rule_files: [rulesFile], evaluation_interval: '1m', tests }),
  )
  const { code, stdout, stderr } = await runProgram('promtool', ['test', 'rules', file], { env })
  expect({ code, stderr, stdout }).toMatchObject({ code: 0 })
})

async function runWithInput(command: string, input: string) {
  const file = join(await tempDir('input'), 'input')
  await writeFile(file, input)
  return runProgram('sh', ['-c', `${command} < '${file}'`], { env })
}
