import { judgeLink } from '../../advice/link/judge-link.ts'
import type { LinkReading } from '../../advice/link/reading.ts'
import type { StoreHash } from '../../nix/store-path.ts'
import { cleanAll } from '../display/text.ts'
import { exitCodes, print, printJson, tell } from '../output.ts'
import { headingLines, statementLines, verdictLines, wrap } from '../sidecar/print-advice.ts'
import { ownLinkAddress } from './listen.ts'
import { measureLink } from './measure-link.ts'
import { defaultPorts } from './ports.ts'

export interface ValidateFlags {
  readonly address?: string
  readonly port?: number
  readonly seconds: number
  readonly url?: URL
  readonly path?: readonly StoreHash[]
  readonly json?: boolean
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Measures a link and holds it against what a direct cable does. */
export async function validate(flags: ValidateFlags): Promise<void> {
  const interrupt = new AbortController()
  const onInterrupt = () => interrupt.abort()
  for (const name of signals) process.once(name, onInterrupt)
  try {
    const reading = await measureLink(
      {
        address: flags.address ?? hostOf(flags.url) ?? otherAddress(),
        port: flags.port ?? defaultPorts.validate,
        seconds: flags.seconds,
        url: flags.url,
        paths: flags.path ?? [],
        onProgress: (doing) => tell(`validate: ${doing}`),
      },
      interrupt.signal,
    )
    report(reading, flags)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    tell('validate: interrupted')
    process.exitCode = 130
  } finally {
    for (const name of signals) process.off(name, onInterrupt)
  }
}

function report(reading: LinkReading, { json }: ValidateFlags): void {
  const { findings, verdict } = cleanAll(judgeLink(reading))
  if (verdict.answer === 'no') process.exitCode = exitCodes.no
  if (json) {
    printJson({ reading, findings, verdict })
    return
  }
  const { local, peerAddress } = reading
  const facts = [
    local.speedMbits === undefined ? undefined : `${local.speedMbits} Mbit/s`,
    local.duplex && `${local.duplex} duplex`,
    local.mtuBytes === undefined ? undefined : `MTU ${local.mtuBytes}`,
  ].filter((fact) => fact !== undefined)
  const isNo = verdict.answer === 'no'
  const lines = [
    ...wrap(
      `${peerAddress} over ${local.interface ?? 'an unknown interface'}: ${facts.join(', ')}`,
    ),
    '',
    ...verdictLines(verdict),
    ...(isNo ? headingLines('All that was measured') : []),
    ...(isNo
      ? findings.flatMap(({ statement }) => statementLines(statement, { isBrief: true }))
      : []),
  ]
  print(lines.join('\n'))
}

function hostOf(url: URL | undefined): string | undefined {
  return url?.hostname.replace(/^\[|\]$/g, '')
}

/** The other end of the link this machine has an address on; the server's end where it has none. */
function otherAddress(): string {
  const own = ownLinkAddress()
  if (own === undefined) return '10.255.255.1'
  const base = own.slice(0, own.lastIndexOf('.'))
  return own === `${base}.1` ? `${base}.2` : `${base}.1`
}
