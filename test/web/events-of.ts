/** The first events of a stream, each with the empty line that ends it; without what is no event. */
export async function eventsOf(url: string, count: number): Promise<string[]> {
  const abort = new AbortController()
  const response = await fetch(url, { signal: abort.signal })
  const events: string[] = []
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const event = text.slice(0, end + 2)
        text = text.slice(end + 2)
        if (event.startsWith('event:')) events.push(event)
      }
      if (events.length >= count) break
    }
  } finally {
    abort.abort()
  }
  return events.slice(0, count)
}
