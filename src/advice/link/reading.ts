/** What a validation saw of a link; undefined is what could not be seen. */
export interface LinkReading {
  readonly peerAddress: string
  readonly local: LocalEnd
  readonly latency: LatencyReading
  /** packets sent one by one while the link was idle */
  readonly loss: LossReading
  /** segments of TCP that this machine had to send twice while the link was full */
  readonly resent: ResentReading | undefined
  /** jumbo frames come back; undefined where there are none, or no ping */
  readonly takesFullPackets: boolean | undefined
  /** frames the card received damaged meanwhile */
  readonly damagedFrames: number | undefined
  readonly throughput: ThroughputReading | undefined
}

/** The interface the other end is reached over. */
export interface LocalEnd {
  readonly interface: string | undefined
  readonly isLoopback: boolean
  readonly isWifi: boolean
  /** it is also the way to everything else */
  readonly hasDefaultRoute: boolean
  /** what the ends negotiated */
  readonly speedMbits: number | undefined
  readonly duplex: 'full' | 'half' | undefined
  readonly mtuBytes: number | undefined
  /** the bus of the card where it is a slow one */
  readonly usbMbits: number | undefined
}

export interface LatencyReading {
  /** tcp: opening connections, one round trip and the work of two kernels each */
  readonly method: 'ping' | 'tcp'
  readonly count: number
  readonly medianMs: number
  readonly p99Ms: number
}

export interface LossReading {
  /** tcp: handshakes, of which some needed a second try */
  readonly method: 'ping' | 'tcp'
  readonly sent: number
  readonly received: number
}

export interface ResentReading {
  readonly segments: number
  readonly resent: number
}

export interface ThroughputReading {
  /** http: a running narwhal sends NARs */
  readonly method: 'iperf3' | 'narwhal' | 'http'
  /** from here to the other end */
  readonly sending: DirectionReading | undefined
  readonly receiving: DirectionReading
}

export interface DirectionReading {
  readonly mbits: number
  /** share of one core that this end, or the other, spent on it: 0 to 1 */
  readonly ownCpuShare: number | undefined
  readonly peerCpuShare: number | undefined
}
