/** Pages for the people and programs that look after the server, by their exact path. */
export const operatorRoutes = {
  '/metrics': 'metrics',
  '/healthz': 'alive',
  '/readyz': 'ready',
  '/api/v1/status': 'status',
} as const

/** The page at `/` as it goes on: server-sent events. */
export const eventsRoute = '/api/v1/events'
/** The files of that page. */
export const webPrefix = '/web/'

export type OperatorPage = (typeof operatorRoutes)[keyof typeof operatorRoutes]

const pages: ReadonlyMap<string, OperatorPage> = new Map(Object.entries(operatorRoutes))

/** @returns undefined when the URL is none of them, to the letter */
export function operatorPage(url: string): OperatorPage | undefined {
  return pages.get(url)
}
