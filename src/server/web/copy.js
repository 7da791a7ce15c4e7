/** Copy buttons beside what is to be pasted. */
import { element } from './keyed-list.js'

const saidForMs = 2_000

/** Gives each block a button. Over plain http browsers have no clipboard: then the text is selected and copied the old way, or left selected. */
export function addCopyButtons() {
  for (const place of document.querySelectorAll('.paste')) {
    const block = place.querySelector('pre')
    const button = element('button', 'copy', 'Copy')
    button.type = 'button'
    button.setAttribute('aria-label', `Copy: ${place.dataset.what}`)
    button.addEventListener('click', async () => {
      const hasCopied = await copy(block)
      say(button, hasCopied ? 'Copied' : 'Press Ctrl+C')
    })
    place.append(button)
  }
}

async function copy(block) {
  const text = block.textContent
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    getSelection().selectAllChildren(block)
    return document.execCommand('copy')
  }
}

function say(button, text) {
  button.textContent = text
  document.getElementById('announcement').textContent = text
  clearTimeout(Number(button.dataset.timer))
  button.dataset.timer = String(
    setTimeout(() => {
      button.textContent = 'Copy'
    }, saidForMs),
  )
}
