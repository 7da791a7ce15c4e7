import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

/** A page of a real browser, and everything it complained about. */
export interface WatchedPage {
  readonly page: Page
  /** errors and warnings of the console, exceptions, refused requests: empty when all is well */
  readonly complaints: readonly string[]
}

/** For a browser to start, and for it to do what it is told, on a machine busy with other tests. */
const patienceMs = 120_000

/** A host name under which browsers reach this machine as they would another on the network. */
export const plainHost = 'cache.example'

export interface BrowserOptions {
  readonly width?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly javaScriptEnabled?: boolean
  /** for tools that are injected into the page and that its policy would refuse */
  readonly bypassCSP?: boolean
}

/** Opens this address in Chromium; it closes with the test. */
export async function openPage(url: string, options: BrowserOptions = {}): Promise<WatchedPage> {
  const { width = 1280, ...context } = options
  const browser = await launch()
  const page = await browser.newPage({ viewport: { width, height: 900 }, ...context })
  page.setDefaultTimeout(patienceMs)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('requestfailed', (request) => {
    // The event stream ends with its page.
    if (!request.url().endsWith('/events')) complaints.push(`failed: ${request.url()}`)
  })
  await page.goto(url)
  return { page, complaints }
}

async function launch(): Promise<Browser> {
  // As root, which tests in containers are, Chromium has no sandbox.
  const args = [
    '--no-sandbox',
    '--disable-dev-shm-usage',
    // A name that is no localhost: over plain http it gets none of the powers of a secure origin.
    `--host-resolver-rules=MAP ${plainHost} 127.0.0.1`,
  ]
  const options = { executablePath: chromiumPath(), args, timeout: patienceMs }
  const browser = await chromium.launch(options)
  onTestFinished(() => browser.close())
  return browser
}

function chromiumPath(): string {
  const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, 'chromium'))
  const found = places.find((place) => existsSync(place))
  if (found === undefined) throw new Error('needs chromium: use testWith')
  return found
}
