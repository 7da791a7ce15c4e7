/** The page at `/`: listens to the server and shows what it says. */
import { addSample, redraw, setHistory } from './chart.js'
import { addCopyButtons } from './copy.js'
import { setText } from './keyed-list.js'
import {
  showCriteria,
  showDisk,
  showErrors,
  showFigures,
  showPopular,
  showState,
  showTransfers,
  showUpstreams,
  showWork,
} from './panels.js'
import { makeTabs } from './tabs.js'

/** Where the server refuses to take more listeners, browsers give up; this does not. */
const againMs = 5_000
const silenceMs = 10_000

let source
let silence
let again

function listen() {
  clearTimeout(again)
  source?.close()
  source = new EventSource('/api/v1/events')
  source.addEventListener('history', ({ data }) => setHistory(JSON.parse(data)))
  source.addEventListener('report', ({ data }) => show(JSON.parse(data)))
  source.addEventListener('error', () => {
    goneQuiet()
    if (source.readyState === EventSource.CLOSED) again = setTimeout(listen, againMs)
  })
}

function show(report) {
  clearTimeout(silence)
  silence = setTimeout(goneQuiet, silenceMs)
  document.body.dataset.line = 'live'
  setText('line', 'live')
  for (const fill of [
    showState,
    showFigures,
    showCriteria,
    showTransfers,
    showDisk,
    showUpstreams,
    showWork,
    showPopular,
    showErrors,
  ])
    fill(report)
  addSample(report.traffic.sample)
}

function goneQuiet() {
  document.body.dataset.line = 'quiet'
  setText('line', 'no connection: the figures are old')
}

/** Whether the instructions are open is each reader's own choice, and kept where he may keep things. */
function rememberUse() {
  const use = document.getElementById('use')
  const key = 'narwhal-use-is-closed'
  try {
    if (location.hash !== '#use') use.open = localStorage.getItem(key) === null
    use.addEventListener('toggle', () => {
      if (use.open) localStorage.removeItem(key)
      else localStorage.setItem(key, 'yes')
    })
  } catch {
    // A browser that keeps nothing shows them.
  }
}

for (const place of document.querySelectorAll('[data-tabs]')) makeTabs(place)
addCopyButtons()
rememberUse()
redraw()
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
// A page nobody looks at costs the server nothing.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) source?.close()
  else listen()
})
listen()
