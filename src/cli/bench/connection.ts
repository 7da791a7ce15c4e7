import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { messageOf } from '../../errors.ts'
import { KiB } from '../../units.ts'
import { type OnBody, type ResponseHead, ResponseReader } from './response-reader.ts'
import type { Site } from './site.ts'

/** A server that says nothing for so long is given up. */
const silenceMs = 30_000
const bufferBytes = 256 * KiB

/** Told once for each request: why it failed, or the head of its whole answer. */
export type Done = (fault: string | undefined, head: ResponseHead | undefined) => void

interface Asked {
  readonly request: Uint8Array
  readonly done: Done
  /** Sent again once, where a kept connection turned out to be closed. */
  isRepeated: boolean
}

/**
 * One connection of a load generator: a bare socket with one reused buffer, which costs so little
 * that the server is what is measured. Connects when it has to, and again when the server ends it.
 */
export class CacheConnection {
  readonly #site: Site
  readonly #reader = new ResponseReader()
  readonly #buffer = Buffer.alloc(bufferBytes)
  #socket: Socket | undefined
  #asked: Asked | undefined
  /** Answers that came over the present socket. */
  #answers = 0
  #isClosed = false

  constructor(site: Site) {
    this.#site = site
  }

  /** Sends a request; the one before must have been answered. */
  ask(request: Uint8Array, onBody: OnBody, done: Done): void {
    this.#asked = { request, done, isRepeated: false }
    this.#reader.restart()
    this.#reader.onBody = onBody
    this.#socket ??= this.#connect()
    this.#socket.write(request)
  }

  /** Hangs up; what was asked is not answered any more, nor is anybody told. */
  close(): void {
    this.#isClosed = true
    this.#asked = undefined
    this.#socket?.destroy()
  }

  #connect(): Socket {
    const { host, port, isTls } = this.#site
    const onread: OnReadOpts = {
      buffer: this.#buffer,
      callback: (length, buffer) => {
        this.#take(socket, buffer, length)
        return true
      },
    }
    const tcp = { host, port, noDelay: true, onread }
    const socket = isTls
      ? connectTls({ ...tcp, servername: host, ALPNProtocols: ['http/1.1'] })
      : connectTcp(tcp)
    this.#answers = 0
    let fault = 'the server hung up before its answer was whole'
    socket.setTimeout(silenceMs, () => socket.destroy(new Error('the server fell silent for 30 s')))
    socket.on('error', (error) => {
      fault = messageOf(error) || 'it cannot be reached'
    })
    socket.on('close', () => this.#lose(socket, fault))
    return socket
  }

  #take(socket: Socket, buffer: Uint8Array, length: number): void {
    try {
      if (this.#reader.push(buffer, length)) this.#settle(undefined)
    } catch (error) {
      socket.destroy(error as Error)
    }
  }

  #settle(fault: string | undefined): void {
    const asked = this.#asked
    const { head } = this.#reader
    this.#asked = undefined
    this.#answers += 1
    if (fault === undefined && head?.keepsAlive === false) this.#drop()
    asked?.done(fault, head)
  }

  #drop(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #lose(socket: Socket, fault: string): void {
    if (this.#socket === socket) this.#socket = undefined
    else return
    const asked = this.#asked
    if (asked === undefined || this.#isClosed) return
    if (this.#reader.end()) this.#settle(undefined)
    else if (this.#answers > 0 && !this.#reader.hasBegun && !asked.isRepeated) {
      // The server had ended the idle connection; every HTTP client asks again then.
      asked.isRepeated = true
      this.#socket = this.#connect()
      this.#socket.write(asked.request)
    } else this.#settle(fault)
  }
}
