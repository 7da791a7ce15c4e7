import type { Page } from 'playwright-core'
import { eventsOf } from './events-of.ts'

/** From its next load on, shows the page what the server says now, as if all in it had this one name. */
export async function renameAll(page: Page, serverUrl: string, name: string): Promise<void> {
  const [history = '', report = ''] = await eventsOf(`${serverUrl}/api/v1/events`, 2)
  const renamed = report.replace(
    /"(name|file|message|code|hint|detail)":"(?:[^"\\]|\\.)*"/g,
    (_all, field) => `"${field}":${JSON.stringify(name)}`,
  )
  const body = history + renamed
  await page.route('**/api/v1/events', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body }),
  )
}
