import { networkInterfaces } from 'node:os'
import { parseIpv4, parseNetwork } from '../../advice/link/ipv4.ts'
import { usualSubnets } from '../../advice/link/subnet.ts'
import { AppError, messageOf } from '../../errors.ts'
import { startTransferServer } from '../../host/link/transfer-server.ts'
import { print, printJson, tell } from '../output.ts'
import { defaultPorts } from './ports.ts'

export interface ListenFlags {
  readonly address?: string
  readonly port?: number
  readonly json?: boolean
}

/** An end that was forgotten does not listen for ever. */
const idleMs = 30 * 60_000
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Is the other end of a validation until a signal ends it, or half an hour without a transfer.
 *
 * @throws AppError CANNOT_LISTEN
 */
export async function listen(flags: ListenFlags): Promise<void> {
  const address = flags.address ?? ownLinkAddress()
  if (address === undefined)
    throw new AppError(
      'CANNOT_LISTEN',
      "this machine has no address of a direct link; give this end's own with --address",
    )
  const port = flags.port ?? defaultPorts.validate
  const over = Promise.withResolvers<void>()
  const end = () => over.resolve()
  const idle = setTimeout(() => {
    tell('nobody came for half an hour')
    end()
  }, idleMs)
  for (const name of signals) process.once(name, end)
  try {
    await using server = await startTransferServer({ address, port }, (peer, tally, isSending) => {
      idle.refresh()
      const mbits = Math.round((tally.bytes * 8) / 1e6 / Math.max(tally.seconds, 1e-3))
      tell(`${isSending ? 'sent to' : 'received from'} ${peer}: ${mbits} Mbit/s`)
    })
    if (flags.json) printJson({ address, port: server.port })
    else print(`listens on ${address}:${server.port}; Ctrl-C ends it`)
    tell(`on the other end: narwhal direct-network --validate --address ${address}`)
    await over.promise
  } catch (cause) {
    throw new AppError(
      'CANNOT_LISTEN',
      `cannot listen on ${address}:${port}: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  } finally {
    clearTimeout(idle)
    for (const name of signals) process.off(name, end)
  }
}

/** The address this machine has on a link made with `--server` or `--client`. */
export function ownLinkAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ address }) => isLinkAddress(address))?.address
}

function isLinkAddress(address: string): boolean {
  const isIpv4 = parseIpv4(address) !== undefined
  return (
    isIpv4 &&
    usualSubnets.some((first) => parseNetwork(`${address}/24`)?.first === parseIpv4(first))
  )
}
