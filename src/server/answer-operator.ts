import type { ServerResponse } from 'node:http'
import type { Telemetry } from '../telemetry.ts'
import { expositionType } from './exposition.ts'
import { operatorHeaders } from './headers.ts'
import type { Live } from './live.ts'
import { printMetrics } from './metrics.ts'
import type { watchProcess } from './process-figures.ts'
import type { OperatorPage } from './routes.ts'
import { reportStatus, type StatusSources } from './status-report.ts'

export interface OperatorParts {
  readonly sources: StatusSources
  readonly telemetry: Telemetry
  readonly watch: ReturnType<typeof watchProcess>
  readonly live: Pick<Live, 'listeners'>
}

interface Page {
  readonly status: 200 | 503
  readonly type: string
  readonly body: string
}

/** Answers a page for people and programs that look after the server. */
export async function answerOperator(
  response: ServerResponse,
  page: OperatorPage,
  parts: OperatorParts,
): Promise<void> {
  const { status, type, body } = await pageOf(page, parts)
  const bytes = Buffer.from(body)
  response.writeHead(status, operatorHeaders(type, bytes.length)).end(bytes)
}

async function pageOf(page: OperatorPage, parts: OperatorParts): Promise<Page> {
  // Alive means that the event loop runs; anything more would get a busy server killed.
  if (page === 'alive') return { status: 200, type: textType, body: 'ok\n' }
  const status = await reportStatus(parts.sources)
  switch (page) {
    case 'metrics': {
      const process = await parts.watch.read()
      const { telemetry, live } = parts
      const body = printMetrics({ status, process, telemetry, listeners: live.listeners })
      return { status: 200, type: expositionType, body }
    }
    case 'ready': {
      const { state, notes } = status
      return { ...json({ state, notes }), status: state === 'unready' ? 503 : 200 }
    }
    case 'status':
      return json(status)
  }
}

const textType = 'text/plain; charset=utf-8'

function json(value: unknown): Page {
  return {
    status: 200,
    type: 'application/json; charset=utf-8',
    body: `${JSON.stringify(value, null, 2)}\n`,
  }
}
