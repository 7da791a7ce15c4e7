import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Lets an answer be found in the log. */
export const requestIdHeader = 'X-Request-Id'

const ids = new WeakMap<IncomingMessage, string>()
/** Tells the requests of this process from those before it. */
const process = randomBytes(3).toString('hex')
let count = 0

/**
 * The request's id: the one a proxy in front has given it, or one of our own. Made when somebody asks
 * for it, as most requests need none.
 */
export function idOf(request: IncomingMessage): string {
  const known = ids.get(request)
  if (known !== undefined) return known
  const given = request.headers['x-request-id']
  const id = typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : nextId()
  ids.set(request, id)
  return id
}

function nextId(): string {
  count += 1
  return `${process}-${count.toString(36)}`
}
