/** What the process itself has open: its libraries, index, log, threads, and some sockets upstream. */
const ownDescriptors = 64
/** A client that gets a NAR needs its socket and the file. */
const perStream = 2

export interface Admission {
  /** Client connections open at once. */
  readonly maxClients: number
  /** NARs sent at once. The rest of the clients ask for narinfos, which need no file. */
  readonly maxStreams: number
}

/**
 * Divides the descriptors of the process, so that it turns clients away before it runs out.
 *
 * @param openFileLimit descriptors the process may have; undefined for no limit
 */
export function admissionFor(
  maxClients: number,
  openFileLimit: number = Number.POSITIVE_INFINITY,
): Admission {
  const forClients = Math.max(perStream, openFileLimit - ownDescriptors)
  const clients = Math.min(maxClients, Math.ceil((forClients * 2) / 3))
  return { maxClients: clients, maxStreams: Math.max(1, Math.min(clients, forClients - clients)) }
}
