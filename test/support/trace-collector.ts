import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { atTestEnd } from './at-test-end.ts'

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  /** empty for the first of a trace */
  readonly parentId: string
  readonly name: string
  /** 2 server, 3 client */
  readonly kind: number
}

export interface TraceCollector {
  /** for OTEL_EXPORTER_OTLP_ENDPOINT */
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  /** requests it got, whatever they held */
  readonly requests: readonly string[]
}

/** A collector that takes traces as OTLP over HTTP with protobuf, and reads of them what tests need. */
export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: CollectedSpan[] = []
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers['content-type']}`)
    spans.push(...spansIn(await buffer(request)))
    response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atTestEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, spans, requests }
}

/** resource_spans = 1, scope_spans = 2, spans = 2 of opentelemetry/proto/trace/v1/trace.proto */
function spansIn(message: Buffer): CollectedSpan[] {
  const messages = all(message, 1).flatMap((resource) => all(resource, 2))
  return messages
    .flatMap((scope) => all(scope, 2))
    .map((span) => ({
      traceId: first(span, 1).toString('hex'),
      spanId: first(span, 2).toString('hex'),
      parentId: first(span, 4).toString('hex'),
      name: first(span, 5).toString(),
      kind: Number(fieldsOf(span).find(({ number }) => number === 6)?.value),
    }))
}

interface Field {
  readonly number: number
  readonly value: number | Buffer
}

function all(message: Buffer, number: number): Buffer[] {
  return fieldsOf(message).flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  )
}

function first(message: Buffer, number: number): Buffer {
  return all(message, number)[0] ?? Buffer.alloc(0)
}

/** protobuf's wire format: varint 0, 64 bits 1, with a length 2, 32 bits 5 */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = []
  let position = 0
  const varint = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = message[position++] ?? 0
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  while (position < message.length) {
    const key = varint()
    const wire = key & 7
    if (wire === 0) {
      fields.push({ number: key >>> 3, value: varint() })
      continue
    }
    const bytes = wire === 1 ? 8 : wire === 5 ? 4 : varint()
    const value = message.subarray(position, position + bytes)
    position += bytes
    fields.push({ number: key >>> 3, value })
  }
  return fields
}
