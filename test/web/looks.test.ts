import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { describe, expect } from 'vitest'
import { openPage } from '../support/browser.ts'
import { status } from '../support/faults.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { dashboardStage } from './dashboard-stage.ts'
import { renameAll } from './rename-all.ts'

const browserTest = testWith(['chromium'])
const slow = { timeout: 180_000 }
const soon = { timeout: 40_000 }
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What reaches beyond the page and would make it scroll sideways. */
const tooWide = `[...document.body.querySelectorAll('*')]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth)
  .map((one) => one.outerHTML)`

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  browserTest.for([390, 1280])(
    'at %i pixels nothing is cut off or out of reach',
    slow,
    async (width) => {
      const stage = await dashboardStage()
      const half = await stage.fetchHalf()
      await requestRaw(`${stage.narwhal.url}/${'0'.repeat(32)}.narinfo`)
      const { page } = await openPage(stage.narwhal.url, { colorScheme, width, bypassCSP: true })
      await expect.poll(() => page.locator('#transfers li').count(), soon).toBe(1)
      await page.locator('.how summary').click()
      expect(await page.evaluate(tooWide)).toEqual([])
      const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor')
      expect(ground).toBe(colorScheme === 'light' ? 'rgb(244, 246, 248)' : 'rgb(13, 19, 23)')

      await page.evaluate(await readFile(axe, 'utf8'))
      const results = (await page.evaluate(
        'axe.run(document, { resultTypes: ["violations"] })',
      )) as AxeResults
      const found = results.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
      )
      expect(found).toEqual([])
      half.finish()
      await half.response
    },
  )
})

browserTest.for([390, 1280])(
  'at %i pixels a name as long as names get pushes nothing out',
  slow,
  async (width) => {
    const stage = await dashboardStage()
    const half = await stage.fetchHalf()
    stage.upstream.script(/\.narinfo$/, status(500))
    await requestRaw(`${stage.narwhal.url}/${'0'.repeat(32)}.narinfo`)
    const { page } = await openPage('about:blank', { width })
    await renameAll(page, stage.narwhal.url, 'very-long-name'.repeat(15))
    await page.goto(stage.narwhal.url)
    for (const list of ['transfers', 'upstreams', 'errors', 'criteria'])
      await expect.poll(() => page.locator(`#${list}`).textContent(), soon).toContain('very-long')
    // A name that is cut short reaches further inside its box; boxes must not reach beyond theirs.
    const boxes = '.card, .line, progress, .note, .message, .rows li, .criteria li, .amount'
    const out = await page.evaluate(`[...document.querySelectorAll('${boxes}')].filter((one) =>
      one.getBoundingClientRect().right > one.closest('.card, body').getBoundingClientRect().right)
      .map((one) => one.outerHTML)`)
    expect(out).toEqual([])
    expect(await page.evaluate(tooWide)).toEqual([])
    half.finish()
    await half.response
  },
)

browserTest('everything can be reached and used by keyboard', slow, async () => {
  const { narwhal } = await dashboardStage()
  const { page } = await openPage(narwhal.url)
  const focused = () => page.evaluate('document.activeElement.textContent.trim()')
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('Skip to the content')
  await page.getByRole('tab', { name: 'nix.conf' }).focus()
  await page.keyboard.press('ArrowRight')
  expect(await focused()).toBe('NixOS')
  expect(await page.locator('#use-nixos').isVisible()).toBe(true)
  await page.keyboard.press('Tab')
  expect(await focused()).toBe('Copy')
  await page.keyboard.press('Enter')
  await expect.poll(() => page.locator('#announcement').textContent(), soon).toBe('Copied')
})
