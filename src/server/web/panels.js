/** Fills each panel of the page from a report. */
import {
  formatAgo,
  formatCount,
  formatDuration,
  formatLatency,
  formatRate,
  formatShare,
  formatSize,
} from './format.js'
import { element, keepList, setText } from './keyed-list.js'

const plural = (count, one, many = `${one}s`) => `${formatCount(count)} ${count === 1 ? one : many}`

export function showState({ status }) {
  const pill = document.getElementById('state')
  setText(pill, status.state)
  pill.dataset.state = status.state
  setText('uptime', `up ${formatDuration(status.uptimeSeconds)}`)
  keepList('notes', status.notes, {
    key: ({ code, message }) => code + message,
    create: () => element('p'),
    update: (place, { message }) => setText(place, message),
  })
}

export function showFigures({ status, traffic }) {
  const { savings, sentPerSecond, receivedPerSecond } = traffic
  const { hitShare, servedBytes, fetchedBytes, savedBytes, savedSeconds } = savings
  const { narinfo, nar } = status.requests
  const asked = [narinfo, nar].reduce(
    (sum, { hit, prefetched, miss, coalesced }) => sum + hit + prefetched + miss + coalesced,
    0,
  )
  setText('hit-ratio', hitShare === undefined ? '–' : formatShare(hitShare))
  setText('hit-ratio-of', `of ${plural(asked, 'request')}`)
  setText('served', formatSize(servedBytes))
  setText('fetched', `${formatSize(fetchedBytes)} fetched`)
  setText('saved', formatSize(savedBytes))
  setText(
    'saved-of',
    servedBytes === 0
      ? 'nothing served yet'
      : `${formatShare(savedBytes / servedBytes)} of what was served`,
  )
  setText('time-saved', savedSeconds === undefined ? '–' : formatDuration(savedSeconds))
  setText(
    'time-saved-of',
    savedSeconds === undefined ? 'the upstreams’ speed is not known yet' : 'an estimate, see below',
  )
  setText('now-sent', formatRate(sentPerSecond))
  setText('now-received', `served; ${formatRate(receivedPerSecond)} fetched`)
  const { upstreamBytesPerSecond: speed, upstreamSeconds: latency } = savings
  setText('how-speed', speed === undefined ? 'not known yet' : formatRate(speed))
  setText('how-latency', latency === undefined ? 'not known yet' : formatLatency(latency))
}

const criterionSigns = { met: '✓', missed: '!', unknown: '–' }
const criterionWords = { met: 'met: ', missed: 'missed: ', unknown: 'not known yet: ' }

export function showCriteria({ criteria }) {
  const met = criteria.filter(({ state }) => state === 'met').length
  setText('criteria-met', `${met} of ${criteria.length} met`)
  keepList('criteria', criteria, {
    key: ({ name }) => name,
    create: () => {
      const sign = element('span', 'sign')
      sign.setAttribute('aria-hidden', 'true')
      const name = element('p', 'name', element('span', 'unseen'), element('span'))
      return element('li', '', sign, element('div', '', name, element('p', 'note')))
    },
    update: (place, { name, state, detail }) => {
      place.dataset.state = state
      setText(place.querySelector('.sign'), criterionSigns[state])
      setText(place.querySelector('.unseen'), criterionWords[state])
      setText(place.querySelector('.name').lastElementChild, name)
      setText(place.querySelector('.note'), detail)
    },
  })
}

/** What fits without a scroll bar of its own, which a keyboard would have to get into and out of. */
const shownTransfers = 10
const shownErrors = 6

/** What each download had at the last report, for its speed. */
let before = { at: 0, received: new Map() }

export function showTransfers({ at, status, transfers }) {
  const seconds = (at - before.at) / 1000
  setText('transfers-of', `${plural(status.streams, 'NAR')} being sent to clients`)
  const shown = transfers.slice(0, shownTransfers)
  const more = transfers.length - shown.length
  setText('transfers-more', more > 0 ? `and ${formatCount(more)} more` : '')
  keepList('transfers', shown, {
    key: ({ file }) => file,
    create: () => {
      const line = element('div', 'line', element('span', 'name'), element('span', 'amount'))
      return element('li', '', line, element('progress'), element('p', 'note'))
    },
    update: (place, transfer) => {
      const { file, name, receivedBytes, bytes } = transfer
      const title = name ?? file
      setText(place.querySelector('.name'), title)
      place.querySelector('.name').title = file
      setText(
        place.querySelector('.amount'),
        bytes === undefined
          ? formatSize(receivedBytes)
          : `${formatSize(receivedBytes)} of ${formatSize(bytes)}`,
      )
      const bar = place.querySelector('progress')
      bar.setAttribute('aria-label', title)
      if (bytes > 0) {
        bar.max = bytes
        bar.value = receivedBytes
      } else bar.removeAttribute('value')
      const had = before.received.get(file)
      const speed = had === undefined || seconds <= 0 ? undefined : (receivedBytes - had) / seconds
      setText(place.querySelector('.note'), transferNote(transfer, speed))
    },
  })
  before = { at, received: new Map(transfers.map((one) => [one.file, one.receivedBytes])) }
}

function transferNote({ readers, isWaiting, bytes, receivedBytes }, speed) {
  const whom = readers === 0 ? 'nobody waits for it' : plural(readers, 'client')
  if (isWaiting) return `${whom} · waits for its turn`
  if (!(speed > 0)) return `${whom} · no bytes just now`
  const left =
    bytes === undefined ? '' : ` · ${formatDuration((bytes - receivedBytes) / speed)} left`
  return `${whom} · ${formatRate(speed)}${left}`
}

export function showDisk({ at, status, leavesNext }) {
  const { bytes, maxBytes, freeBytes, reservedBytes, evictions, evictedBytes } = status.cache
  setText('disk-of', `${formatSize(bytes)} of ${formatSize(maxBytes)}`)
  const meter = document.getElementById('disk-meter')
  meter.max = Math.max(1, maxBytes)
  meter.value = bytes
  const facts = [`${formatSize(freeBytes)} free on the file system`]
  if (reservedBytes > 0) facts.push(`${formatSize(reservedBytes)} reserved for downloads`)
  if (evictions > 0) facts.push(`${plural(evictions, 'NAR')} (${formatSize(evictedBytes)}) evicted`)
  setText('disk-note', facts.join(' · '))
  keepList('victims', leavesNext, {
    key: ({ file }) => file,
    create: namedRow,
    update: (place, victim) =>
      showRow(place, victim, `${formatSize(victim.bytes)}, read ${formatAgo(at - victim.readAt)}`),
  })
}

export function showUpstreams({ at, status, latencies }) {
  const upstreams = status.upstreams.map((upstream, place) => ({
    ...upstream,
    ...latencies[place],
  }))
  keepList('upstreams', upstreams, {
    key: ({ name }) => name,
    create: () => {
      const line = element('div', 'line', element('span', 'name'), element('span', 'pill'))
      return element('li', '', line, element('p', 'note'), element('p', 'trouble'))
    },
    update: (place, upstream) => {
      const { name, isUp, median, slow, requests, failures, receivedBytes, lastError } = upstream
      setText(place.querySelector('.name'), name)
      const pill = place.querySelector('.pill')
      setText(pill, isUp ? 'up' : 'away')
      pill.dataset.state = isUp ? 'ready' : 'unready'
      const facts = [
        ...(isUp && median !== undefined
          ? [`answers in ${formatLatency(median)}, 95 % within ${formatLatency(slow)}`]
          : []),
        plural(requests, 'request'),
        `${formatCount(failures)} failed`,
        `${formatSize(receivedBytes)} fetched`,
      ]
      setText(place.querySelector('.note'), facts.join(' · '))
      const trouble = place.querySelector('.trouble')
      trouble.hidden = !lastError
      if (lastError)
        setText(trouble, `${formatAgo(at - Date.parse(lastError.at))}: ${lastError.message}`)
    },
  })
}

/** Parts that this server may not have are left out. */
export function showWork({ status }) {
  const { prefetch, recompress } = status
  const facts = []
  if (prefetch) {
    const { ahead, narinfo, nar } = prefetch
    facts.push([
      'Narinfos fetched ahead',
      aheadText(narinfo, `${formatCount(ahead.narinfos)} ready`),
    ])
    facts.push(['NARs fetched ahead', aheadText(nar, `${formatSize(ahead.narBytes)} ready`)])
  }
  if (recompress) facts.push(...recompressFacts(recompress))
  keepList('work', facts, {
    key: ([name]) => name,
    create: () => element('div', '', element('dt'), element('dd')),
    update: (place, [name, text]) => {
      setText(place.firstElementChild, name)
      setText(place.lastElementChild, text)
    },
  })
}

function aheadText({ fetched, used, wasted }, ready) {
  if (fetched === 0) return 'none yet'
  return `${formatCount(fetched)}, of which ${formatCount(used)} were asked for, ${formatCount(wasted)} in vain; ${ready}`
}

function recompressFacts({ isOn, reason, pausedBecause, queued, running, done, failed, ...gain }) {
  if (!isOn) return [['Recompressing', `off${reason ? `: ${reason}` : ''}`]]
  const state = pausedBecause ? `paused: ${pausedBecause}` : running > 0 ? 'at work' : 'idle'
  const { bytesBefore, bytesAfter } = gain
  const facts = [
    ['Recompressing', `${state}; ${formatCount(queued)} in the queue`],
    ['Recompressed', `${plural(done, 'NAR')}, ${formatCount(failed)} failed`],
  ]
  if (bytesBefore > 0)
    facts.push([
      'Size of their files',
      `${formatSize(bytesBefore)} became ${formatSize(bytesAfter)}`,
    ])
  return facts
}

export function showPopular({ popular }) {
  keepList('popular', popular, {
    key: ({ file }) => file,
    create: namedRow,
    update: (place, path) => showRow(place, path, formatCount(path.requests)),
  })
}

export function showErrors({ at, errors }) {
  keepList('errors', errors.slice(0, shownErrors), {
    key: ({ code, message }) => `${code} ${message}`,
    create: () => {
      const line = element('div', 'line', element('code'), element('span', 'amount'))
      return element('li', '', line, element('p', 'message'), element('p', 'note'))
    },
    update: (place, error) => {
      const times = error.count > 1 ? `${formatCount(error.count)} times, last ` : ''
      setText(place.querySelector('code'), error.code)
      setText(place.querySelector('.amount'), `${times}${formatAgo(at - error.at)}`)
      setText(place.querySelector('.message'), error.message)
      setText(place.querySelector('.note'), error.hint ?? 'Nobody foresaw this: see the log.')
    },
  })
}

function namedRow() {
  return element('li', '', element('span', 'name'), element('span', 'amount'))
}

function showRow(place, { name, file }, amount) {
  setText(place.firstElementChild, name ?? file)
  place.firstElementChild.title = file
  setText(place.lastElementChild, amount)
}
