import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of the page at `/`, ready to send. */
export interface Asset {
  readonly type: string
  readonly bytes: Buffer
  readonly etag: string
}

const own = (name: string) => new URL(`./web/${name}`, import.meta.url)
/** From its package, wherever npm has put that. */
const uplot = (name: string) => new URL(name, import.meta.resolve('uplot'))
const script = 'text/javascript; charset=utf-8'
const style = 'text/css; charset=utf-8'

/** Every file the page needs, by the name it has below `/web/`. Nothing else is ever read. */
const files = {
  'page.js': [own, script],
  'panels.js': [own, script],
  'keyed-list.js': [own, script],
  'format.js': [own, script],
  'chart.js': [own, script],
  'copy.js': [own, script],
  'tabs.js': [own, script],
  'page.css': [own, style],
  'use.css': [own, style],
  'panels.css': [own, style],
  'icon.svg': [own, 'image/svg+xml'],
  'uPlot.iife.min.js': [uplot, script],
  'uPlot.min.css': [uplot, style],
} as const satisfies Readonly<Record<string, readonly [(name: string) => URL, string]>>

export type AssetName = keyof typeof files

export function isAssetName(name: string): name is AssetName {
  return Object.hasOwn(files, name)
}

export const assetNames = Object.keys(files) as readonly AssetName[]

/** The page itself, with places for what this server and this request fill in. */
export function readTemplate(): string {
  return readFileSync(fileURLToPath(own('page.html')), 'utf8')
}

/** Reads all of them, so that no request ever waits for the disk. */
export function readAssets(): ReadonlyMap<AssetName, Asset> {
  return new Map(
    assetNames.map((name) => {
      const [place, type] = files[name]
      const bytes = readFileSync(fileURLToPath(place(name)))
      const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
      return [name, { type, bytes, etag: `"${digest}"` }]
    }),
  )
}
