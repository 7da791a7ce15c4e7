import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context, Span, TextMapPropagator, Tracer } from '@opentelemetry/api'
import { messageOf } from '../errors.ts'
import { idOf } from './request-id.ts'

export interface TracingParts {
  readonly api: typeof import('@opentelemetry/api')
  readonly propagator: TextMapPropagator
}

/** What undici tells of a request of ours in its diagnostics channels. */
interface UpstreamRequest {
  readonly method: string
  readonly path: string
  readonly origin: string | URL
  addHeader(name: string, value: string): void
}

/**
 * Makes a span of every request that comes in, and of every one to an upstream, as its child. It
 * listens to what Node and undici publish: where nobody wants traces, no request pays for them.
 *
 * A trace goes on along a chain of narwhals: `traceparent` is read and written (W3C Trace Context).
 */
export function recordSpans(parts: TracingParts, tracer: Tracer): { stop(): void } {
  const { api, propagator } = parts
  const current = new AsyncLocalStorage<Context>()
  const upstream = new WeakMap<object, Span>()

  function began({ request, response }: { request: IncomingMessage; response: ServerResponse }) {
    const { method = '', url = '', headers } = request
    const parent = propagator.extract(api.ROOT_CONTEXT, headers, api.defaultTextMapGetter)
    const span = tracer.startSpan(
      `${method} ${routeOf(url)}`,
      {
        kind: api.SpanKind.SERVER,
        attributes: {
          'http.request.method': method,
          'http.route': routeOf(url),
          'url.path': url.split('?', 1)[0] ?? '',
          'narwhal.request_id': idOf(request),
        },
      },
      parent,
    )
    current.enterWith(api.trace.setSpan(parent, span))
    response.once('close', () => {
      span.setAttribute('http.response.status_code', response.statusCode)
      const source = response.getHeader('x-narwhal')
      if (source !== undefined) span.setAttribute('narwhal.source', String(source))
      if (response.statusCode >= 500 || !response.writableFinished)
        span.setStatus({ code: api.SpanStatusCode.ERROR })
      span.end()
    })
  }

  function asked({ request }: { request: UpstreamRequest }) {
    const parent = current.getStore() ?? api.ROOT_CONTEXT
    const span = tracer.startSpan(
      `${request.method} ${routeOf(request.path)}`,
      {
        kind: api.SpanKind.CLIENT,
        attributes: {
          'http.request.method': request.method,
          'server.address': new URL(String(request.origin)).host,
          'url.path': request.path.split('?', 1)[0] ?? '',
        },
      },
      parent,
    )
    upstream.set(request, span)
    propagator.inject(api.trace.setSpan(parent, span), request, {
      set: (_, name, value) => request.addHeader(name, value),
    })
  }

  function answered(event: { request: object; response: { statusCode: number } }) {
    const { statusCode } = event.response
    upstream.get(event.request)?.setAttribute('http.response.status_code', statusCode)
  }

  function ended({ request }: { request: object }) {
    upstream.get(request)?.end()
  }

  function failed({ request, error }: { request: object; error: unknown }) {
    const span = upstream.get(request)
    span?.setStatus({ code: api.SpanStatusCode.ERROR, message: messageOf(error) })
    span?.end()
  }

  const channels: ReadonlyArray<readonly [string, (message: never) => void]> = [
    ['http.server.request.start', began],
    ['undici:request:create', asked],
    ['undici:request:headers', answered],
    ['undici:request:trailers', ended],
    ['undici:request:error', failed],
  ]
  for (const [name, listener] of channels) subscribe(name, listener as (message: unknown) => void)
  return {
    stop() {
      for (const [name, listener] of channels)
        unsubscribe(name, listener as (message: unknown) => void)
    },
  }
}

/** A few names for many URLs. */
function routeOf(url: string): string {
  const path = url.split('?', 1)[0] ?? ''
  const end = /\.(narinfo|ls)$/.exec(path)
  if (end) return `/{hash}.${end[1]}`
  const [, room] = /^\/(nar|log|realisations|build-trace-v2|debuginfo|web)\//.exec(path) ?? []
  if (room) return `/${room}/{file}`
  return /^\/(nix-cache-info|metrics|healthz|readyz|api\/v1\/(status|events))?$/.test(path)
    ? path
    : '/{other}'
}
