import type { IncomingMessage, ServerResponse } from 'node:http'
import { addressOf } from './address-of.ts'
import type { Asset } from './assets.ts'
import { assetHeaders, isUnchanged, pageHeaders, textHeaders } from './headers.ts'
import { type HomeFacts, homeHtml, homePage } from './home-page.ts'

/** What is at `/`, for people with a browser and for all others. */
export interface Home {
  readonly text: Buffer
  html(address: string): Buffer
}

/** @param template of the page for browsers */
export function openHome(facts: HomeFacts, template: string): Home {
  return {
    text: Buffer.from(homePage(facts)),
    html: (address) => Buffer.from(homeHtml(template, facts, address)),
  }
}

/** Stands where a client does not say how it has reached us, which only HTTP/1.0 may. */
const unknownAddress = 'http://localhost:5000'

export function sendHome(request: IncomingMessage, response: ServerResponse, home: Home): void {
  const isBrowser = request.headers.accept?.includes('text/html') ?? false
  if (isBrowser) {
    const page = home.html(addressOf(request) ?? unknownAddress)
    response.writeHead(200, pageHeaders(page.length)).end(page)
  } else
    response.writeHead(200, { ...textHeaders(home.text.length), Vary: 'Accept' }).end(home.text)
}

export function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  const { bytes } = asset
  if (isUnchanged(request.headers['if-none-match'], asset.etag))
    response.writeHead(304, assetHeaders(asset)).end()
  else
    response.writeHead(200, { ...assetHeaders(asset), 'Content-Length': bytes.length }).end(bytes)
}
