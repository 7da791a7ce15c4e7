import { expect } from 'vitest'
import { openPage, plainHost } from '../support/browser.ts'
import { edit } from '../support/faults.ts'
import { testWith } from '../support/programs.ts'
import { requestRaw } from '../support/raw-http.ts'
import { dashboardStage } from './dashboard-stage.ts'
import { renameAll } from './rename-all.ts'

const browserTest = testWith(['chromium'])
/** A real browser on a busy machine takes its time. */
const slow = { timeout: 180_000 }
const soon = { timeout: 40_000 }
const hostile = '<img src=x onerror="window.isHacked=true">'

browserTest(
  'what goes on shows by itself: a transfer by its name, then its end',
  slow,
  async () => {
    const stage = await dashboardStage()
    const { page, complaints } = await openPage(stage.narwhal.url)
    const text = (selector: string) => page.locator(selector).innerText()
    await expect.poll(() => text('#line'), soon).toBe('live')
    expect(await text('#hit-ratio')).toBe('–')
    expect(await text('#transfers-none')).toBe('Nothing is being fetched.')
    await page.evaluate('window.isTheSamePage = true')

    const half = await stage.fetchHalf()
    await expect
      .poll(() => text('#transfers').catch(() => ''), soon)
      .toContain(stage.info.storePath.name)
    await expect
      .poll(
        () =>
          page
            .locator('#transfers progress')
            .evaluate((bar) => Number(bar.getAttribute('value')) / Number(bar.getAttribute('max'))),
        soon,
      )
      .toBeCloseTo(0.5, 1)
    await expect.poll(() => text('#transfers .note'), soon).toContain('1 client')

    half.finish()
    await half.response
    await expect.poll(() => page.locator('#transfers li').count(), soon).toBe(0)
    await stage.nar()
    await expect.poll(() => text('#hit-ratio'), soon).toBe('33.3 %')
    await expect.poll(() => text('#popular'), soon).toContain(stage.info.storePath.name)
    await expect.poll(() => text('#victims')).toContain(stage.info.storePath.name)
    await expect
      .poll(() => page.locator('#chart').getAttribute('aria-label'))
      .toMatch(/served .* at most; fetched .* at most/)
    expect(await page.evaluate('window.isTheSamePage')).toBe(true)
    expect(complaints).toEqual([])
  },
)

browserTest(
  'the lines have the name the browser used, and copy buttons copy them',
  slow,
  async () => {
    const stage = await dashboardStage()
    const address = `http://${plainHost}:${stage.narwhal.port}`
    const { page, complaints } = await openPage(address)
    expect(await page.evaluate('isSecureContext')).toBe(false)
    for (const tab of ['nix.conf', 'NixOS', 'Flake', 'One command']) {
      await page.getByRole('tab', { name: tab }).click()
      const shown = await page.locator('.tab:visible pre').textContent()
      expect(shown).toContain(address)
      expect(shown).toContain(stage.cache.publicKey)
      // it says so for a moment only: who has looked too late clicks again
      const copy = page.locator('.tab:visible .copy')
      const clicked = async () => {
        await copy.click()
        return copy.innerText()
      }
      await expect.poll(clicked, soon).toBe('Copied')
      expect(await pasted(page)).toBe(shown)
    }
    expect(complaints).toEqual([])
  },
)

browserTest('the lines are there without scripts', slow, async () => {
  const { narwhal, cache } = await dashboardStage()
  const { page } = await openPage(narwhal.url, { javaScriptEnabled: false })
  expect(await page.locator('pre:visible').count()).toBe(4)
  expect(await page.locator('#use-nix-conf pre').textContent()).toBe(
    `extra-substituters = ${narwhal.url}\nextra-trusted-public-keys = ${cache.publicKey}`,
  )
})

browserTest('a hostile name is shown as text, whoever it comes from', slow, async () => {
  const stage = await dashboardStage()
  stage.upstream.script(
    /\.narinfo$/,
    edit((text) =>
      text.replace(/^StorePath: .*$/m, `StorePath: /nix/store/${'0'.repeat(32)}-${hostile}`),
    ),
  )
  await stage.narinfo()
  const { page, complaints } = await openPage(stage.narwhal.url)
  await expect.poll(() => page.locator('#errors').textContent(), soon).toContain('onerror=')

  // And as if everything the server ever heard of had such a name.
  const half = await stage.fetchHalf()
  await renameAll(page, stage.narwhal.url, hostile)
  half.finish()
  await page.reload()
  await expect.poll(() => page.locator('#upstreams .name').textContent(), soon).toBe(hostile)
  await expect.poll(() => page.locator('#errors code').first().textContent(), soon).toBe(hostile)
  expect(await page.locator('main img').count()).toBe(0)
  expect(await page.evaluate('window.isHacked')).toBeUndefined()
  expect(complaints).toEqual([])
})

browserTest('a page nobody looks at does not listen', slow, async () => {
  const { narwhal } = await dashboardStage()
  const { page } = await openPage(narwhal.url)
  const listeners = async () => {
    const { body } = await requestRaw(`${narwhal.url}/metrics`)
    return Number(/^narwhal_event_listeners (\d+)$/m.exec(body.toString())?.[1])
  }
  await expect.poll(listeners, soon).toBe(1)
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { value: true })
    document.dispatchEvent(new Event('visibilitychange'))`)
  await expect.poll(listeners, soon).toBe(0)
})

/** What Ctrl+V puts into a field. */
async function pasted(page: Awaited<ReturnType<typeof openPage>>['page']): Promise<string> {
  await page.evaluate(`
    const field = document.createElement('textarea')
    field.id = 'paste-here'
    document.body.append(field)`)
  await page.locator('#paste-here').focus()
  await page.keyboard.press('Control+V')
  const field = page.locator('#paste-here')
  await expect.poll(() => field.inputValue(), soon).not.toBe('')
  const text = await field.inputValue()
  await page.evaluate(`document.getElementById('paste-here').remove()`)
  return text
}
