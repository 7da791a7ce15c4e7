import { setTimeout as delay } from 'node:timers/promises'
import type { Sampler } from '@opentelemetry/sdk-trace'
import { messageOf } from '../errors.ts'
import type { Log } from '../telemetry.ts'

/** The environment, as far as the specification of OpenTelemetry gives it a say. */
export type TracingEnvironment = Readonly<Record<string, string | undefined>>

export interface Tracing {
  /** Sends what waits and ends. */
  stop(): Promise<void>
}

/** For what waits to be sent when the server stops. */
const lastWordsMs = 2_000

const off: Tracing = { async stop() {} }

/**
 * True when somebody wants traces, in the standard variables of OpenTelemetry: an endpoint is named,
 * or the exporter is, and nothing turns them off. By default nothing is sent anywhere.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function wantsTraces(env: TracingEnvironment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  const exporter = env.OTEL_TRACES_EXPORTER
  if (exporter) return exporter.split(',').some((name) => name.trim() === 'otlp')
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT
  return Boolean(endpoint)
}

/**
 * Starts to send traces where the environment asks for them; only then is any of it loaded. What
 * cannot be sent is told in the log and disturbs no request.
 */
export async function startTracing(
  env: TracingEnvironment,
  { version, log }: { readonly version: string; readonly log: Log },
): Promise<Tracing> {
  if (!wantsTraces(env)) return off
  try {
    return await load(env, version, log)
  } catch (error) {
    log.warn(
      { code: 'NO_TRACES' },
      `OTEL_… asks for traces, but they cannot be sent: ${messageOf(error)}`,
    )
    return off
  }
}

async function load(env: TracingEnvironment, version: string, log: Log): Promise<Tracing> {
  const [api, { W3CTraceContextPropagator }, resources, sdk, { OTLPTraceExporter }, spans] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/core'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('./trace-spans.ts'),
    ])
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL
  if (protocol && protocol !== 'http/protobuf')
    log.warn(
      { code: 'NO_TRACES' },
      `OTEL_EXPORTER_OTLP_PROTOCOL is "${protocol}"; narwhal sends http/protobuf`,
    )
  const toLog = (message: string) =>
    log.warn({ code: 'NO_TRACES' }, `the exporter of traces says: ${message}`)
  const silent = () => {}
  api.diag.setLogger(
    { error: toLog, warn: toLog, info: silent, debug: silent, verbose: silent },
    api.DiagLogLevel.WARN,
  )
  const detected = resources.detectResources({
    detectors: [resources.envDetector, resources.serviceNameEnvDetector],
  })
  const resource = resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({ 'service.name': 'narwhal', 'service.version': version }),
    )
    .merge(detected)
  const provider = new sdk.TracerProvider({
    resource,
    sampler: samplerOf(env, sdk),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  const recording = spans.recordSpans(
    { api, propagator: new W3CTraceContextPropagator() },
    provider.getTracer('narwhal', version),
  )
  log.info({}, 'sends traces, as OTEL_… in the environment asks')
  return {
    async stop() {
      recording.stop()
      const sent = provider.shutdown().catch((error: unknown) => toLog(messageOf(error)))
      // A collector that is away would be asked again for half a minute.
      await Promise.race([sent, delay(lastWordsMs)])
    },
  }
}

/** OTEL_TRACES_SAMPLER and its argument; by default everything, or what the caller's trace says. */
function samplerOf(
  env: TracingEnvironment,
  sdk: typeof import('@opentelemetry/sdk-trace'),
): Sampler {
  const name = env.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on'
  const argument = env.OTEL_TRACES_SAMPLER_ARG
  const share = argument === undefined || Number.isNaN(Number(argument)) ? 1 : Number(argument)
  const root = name.endsWith('always_off')
    ? new sdk.AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new sdk.TraceIdRatioBasedSampler(share)
      : new sdk.AlwaysOnSampler()
  return name.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root
}
