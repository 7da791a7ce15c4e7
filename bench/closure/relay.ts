/**
 * A long line before a server near by, as a process of its own: every byte arrives half a round
 * trip late, both directions have their bandwidth, which all connections share, and what a new
 * connection sends first waits a round trip more, as TCP's handshake would make it. Takes a
 * LineSetting as JSON in its argument; tells LineCounts when asked.
 *
 * Where connections are dear, what TLS 1.3 adds to the handshake is there, and slow start: a new
 * connection has not the whole bandwidth at once.
 *
 * What a real line does and this does not: lost packets and what TCP does about them, jitter, and a
 * receive window smaller than 4 MiB; and without dear connections, TLS and slow start. All of it makes
 * a real line slower, and new connections dearer: it spares the client that goes direct and opens many.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { MiB } from '../../src/units.ts'
import { openCongestionWindow } from './congestion-window.ts'
import { type Lane, openLane } from './lane.ts'
import type { LineCounts, LineSetting } from './line.ts'

/** Bytes of one connection under way or waiting for their reader, as a receive window allows. */
const windowBytes = 4 * MiB
/** A connection gives no more to a lane that is busy this long, so that others get their turn. */
const maxBusyMs = 20
/** Later than this is a fault of the relay. */
const lateMs = 5

const setting: LineSetting = JSON.parse(process.argv[2] ?? '{}')
const oneWayMs = setting.rttMs / 2
/** TCP's handshake, and that of TLS 1.3. */
const handshakeMs = (setting.isDear ? 2 : 1) * setting.rttMs
const there = openLane(setting.bytesPerSecond)
const back = openLane(setting.bytesPerSecond)
const counts = { connections: 0, sentBytes: 0, receivedBytes: 0, lateBytes: 0 }

const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ port: setting.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const shakenAtMs = performance.now() + handshakeMs
  counts.connections += 1
  carry(near, far, { lane: there, notBeforeMs: shakenAtMs, counted: 'sentBytes' })
  carry(far, near, { lane: back, notBeforeMs: shakenAtMs, counted: 'receivedBytes' })
  for (const [socket, peer] of [
    [near, far],
    [far, near],
  ] as const) {
    socket.on('error', () => undefined)
    socket.on('close', (hadError) => {
      if (hadError) peer.resetAndDestroy()
      else if (!peer.writableEnded) peer.destroy()
    })
  }
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.on('message', () => process.send?.({ ...counts } satisfies LineCounts))
process.on('disconnect', () => process.exit())
process.send?.({ port: (server.address() as AddressInfo).port })

interface Way {
  readonly lane: Lane
  readonly notBeforeMs: number
  readonly counted: 'sentBytes' | 'receivedBytes'
}

interface Parcel {
  /** undefined: the sender has no more */
  readonly chunk: Buffer | undefined
  readonly dueAtMs: number
}

function carry(from: Socket, to: Socket, { lane, notBeforeMs, counted }: Way): void {
  const window = setting.isDear ? openCongestionWindow(setting.rttMs) : undefined
  /** What waits for room in the window. */
  const outbox: (Buffer | undefined)[] = []
  let sending: NodeJS.Timeout | undefined
  const parcels: Parcel[] = []
  let queuedBytes = 0
  let timer: NodeJS.Timeout | undefined
  let isWaitingForReader = false

  const post = (chunk: Buffer | undefined) => {
    const nowMs = performance.now()
    queuedBytes += chunk?.length ?? 0
    outbox.push(chunk)
    if (sending === undefined) send()
    if (queuedBytes > windowBytes) from.pause()
    else if (lane.busyMs(nowMs) > maxBusyMs) {
      from.pause()
      setTimeout(resume, lane.busyMs(nowMs) - maxBusyMs / 2)
    }
  }
  const send = () => {
    sending = undefined
    const nowMs = performance.now()
    while (outbox.length > 0) {
      const chunk = outbox[0]
      const room = window?.room(nowMs) ?? Number.POSITIVE_INFINITY
      if (chunk !== undefined && room <= 0) {
        sending = setTimeout(send, Math.max(0, (window?.nextAckMs ?? nowMs) - nowMs))
        break
      }
      const piece = chunk?.subarray(0, room)
      const bytes = piece?.length ?? 0
      const leftAtMs = Math.max(notBeforeMs, lane.send(bytes, nowMs))
      window?.sent(bytes, leftAtMs, leftAtMs + setting.rttMs)
      parcels.push({ chunk: piece, dueAtMs: leftAtMs + oneWayMs })
      if (bytes === (chunk?.length ?? 0)) outbox.shift()
      else outbox[0] = chunk?.subarray(bytes)
    }
    arm()
  }
  const resume = () => {
    if (queuedBytes > windowBytes) return
    const nowMs = performance.now()
    if (lane.busyMs(nowMs) > maxBusyMs) setTimeout(resume, maxBusyMs / 2)
    else {
      lane.wake(nowMs)
      from.resume()
    }
  }
  const arm = () => {
    const [next] = parcels
    if (timer !== undefined || isWaitingForReader || next === undefined) return
    timer = setTimeout(deliver, Math.max(0, next.dueAtMs - performance.now()))
  }
  const deliver = () => {
    timer = undefined
    const nowMs = performance.now()
    while (!isWaitingForReader && (parcels[0]?.dueAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
      const { chunk, dueAtMs } = parcels.shift() as Parcel
      if (!to.writable) return
      if (chunk === undefined) {
        to.end()
        continue
      }
      counts[counted] += chunk.length
      if (nowMs - Math.max(dueAtMs, readyAtMs) > lateMs) counts.lateBytes += chunk.length
      const wasFull = queuedBytes > windowBytes
      queuedBytes -= chunk.length
      isWaitingForReader = !to.write(chunk)
      if (wasFull && queuedBytes <= windowBytes) resume()
    }
    arm()
  }
  // A slow reader makes bytes late by its own fault.
  let readyAtMs = 0
  to.on('drain', () => {
    isWaitingForReader = false
    readyAtMs = performance.now()
    arm()
  })
  from.on('data', post)
  from.on('end', () => post(undefined))
}
