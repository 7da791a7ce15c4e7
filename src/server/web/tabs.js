/** Tabs out of sections that, without scripts, stand below each other. */
import { element } from './keyed-list.js'

/** @see https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ */
export function makeTabs(place) {
  const panels = [...place.querySelectorAll(':scope > .tab')]
  const list = element('div', 'tab-list')
  list.setAttribute('role', 'tablist')
  list.setAttribute('aria-label', place.dataset.tabs)
  const tabs = panels.map((panel) => {
    const tab = element('button', '', panel.dataset.label)
    tab.type = 'button'
    tab.id = `${panel.id}-tab`
    tab.setAttribute('role', 'tab')
    tab.setAttribute('aria-controls', panel.id)
    panel.setAttribute('role', 'tabpanel')
    panel.setAttribute('aria-labelledby', tab.id)
    tab.addEventListener('click', () => select(tabs.indexOf(tab)))
    list.append(tab)
    return tab
  })

  function select(chosen) {
    for (const [at, tab] of tabs.entries()) {
      tab.setAttribute('aria-selected', String(at === chosen))
      tab.tabIndex = at === chosen ? 0 : -1
      panels[at].hidden = at !== chosen
    }
  }

  list.addEventListener('keydown', (event) => {
    const at = tabs.indexOf(event.target)
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key]
    if (next === undefined || at === -1) return
    event.preventDefault()
    const chosen = (next + tabs.length) % tabs.length
    select(chosen)
    tabs[chosen].focus()
  })
  place.classList.add('has-tabs')
  place.prepend(list)
  select(0)
}
